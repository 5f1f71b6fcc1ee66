"""What a device offers of its power, found in made trees of sysfs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_power import made, rapl

from edgerig.ondevice import power
from edgerig.ondevice.power import sensors

POWERCAP = "sys/class/powercap"
BATTERY = {"type": "Battery", "status": "Discharging", "current_now": -500_000, "voltage_now": 3_800_000}


def battery(root: Path, name: str = "BAT0", **changes: object) -> Path:
    return made(root, {f"power_supply/{name}/{key}": value for key, value in {**BATTERY, **changes}.items()})


def monitor(root: Path, number: int, chip: str, **files: object) -> Path:
    return made(root, {f"hwmon/hwmon{number}/{key}": value for key, value in {"name": chip, **files}.items()})


def only(root: Path) -> power.Sensor:
    ((found,), reasons) = sensors(str(root))
    assert reasons == []
    return found


def refused(root: Path) -> str:
    found, (reason,) = sensors(str(root))
    assert found == []
    return reason


def test_a_device_without_any_has_none(tmp_path: Path) -> None:
    assert sensors(str(tmp_path)) == ([], [])


def test_packages_are_counted_and_neither_what_is_in_them_nor_what_they_are_in(tmp_path: Path) -> None:
    zones = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    sensor = only(rapl(tmp_path, zones))
    assert (sensor.name, sensor.kind, sensor.read()) == ("RAPL package-0, package-1", "counter", 0)
    for number, zone in enumerate(zones):
        (tmp_path / POWERCAP / zone / "energy_uj").write_text(f"{10**number}\n")
    assert sensor.read() == 1 + 1000


def test_the_platform_is_counted_where_there_is_no_package(tmp_path: Path) -> None:
    assert only(rapl(tmp_path, {"intel-rapl:0": "psys", "intel-rapl:0:0": "core"})).name == "RAPL psys"
    assert sensors(str(rapl(tmp_path / "cores", {"intel-rapl:0": "core"}))) == ([], [])


def test_a_counter_that_begins_anew_goes_on(tmp_path: Path) -> None:
    sensor = only(rapl(tmp_path, {"intel-rapl:0": "package-0"}, span=1000, energy=990))
    counter = tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj"
    seen = []
    for value in (995, 15, 15, 14):
        counter.write_text(f"{value}\n")
        seen.append(sensor.read())
    assert seen == [5, 25, 25, 1024]


def test_a_counter_that_goes_back_without_a_range_is_no_counter(tmp_path: Path) -> None:
    sensor = only(rapl(tmp_path, {"intel-rapl:0": "package-0"}, span=0, energy=990))
    (tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj").write_text("15\n")
    with pytest.raises(ValueError, match="went back"):
        sensor.read()


def test_a_counter_for_root_alone_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rapl(tmp_path, {"intel-rapl:0": "package-0"})

    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    assert refused(tmp_path) == "not readable: /sys/class/powercap/intel-rapl:0/energy_uj needs root"


@pytest.mark.parametrize("text", ["", "lots", "0x10", "9" * 30, "1.5"])
def test_what_is_no_number_is_not_read(tmp_path: Path, text: str) -> None:
    rapl(tmp_path, {"intel-rapl:0": "package-0"})
    (tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj").write_text(text)
    assert refused(tmp_path) == "not readable: /sys/class/powercap/intel-rapl:0/energy_uj: it holds no number"


def test_a_monitor_tells_its_power_or_current_and_voltage(tmp_path: Path) -> None:
    whole = monitor(
        tmp_path / "a", 0, "ina226", power1_input=4_250_000, curr1_input=1, in1_input=1, update_interval=140
    )
    sensor = only(whole)
    assert (sensor.name, sensor.kind, sensor.read(), sensor.update_ns) == ("ina226 1", "power", 4_250_000, 140_000_000)
    pair = only(monitor(tmp_path / "b", 3, "ina219", curr1_input=-850, in1_input=5000, in0_input=3))
    assert (pair.read(), pair.update_ns) == (4_250_000, 0)


def test_of_several_channels_the_one_of_the_whole_board_counts(tmp_path: Path) -> None:
    labels = {
        "in1_label": "VDD_IN",
        "in2_label": "VDD_CPU_GPU_CV",
        "in3_label": "NC",
        "in4_label": "Sum of shunt voltages",
    }
    values = {f"{kind}{n}_input": 1000 * n for kind in ("curr", "in") for n in (1, 2, 3, 4)}
    sensor = only(monitor(tmp_path, 1, "ina3221", **labels, **values))
    assert (sensor.name, sensor.read()) == ("ina3221 VDD_IN", 1_000_000)


def test_several_monitors_of_which_none_is_the_whole_are_not_added(tmp_path: Path) -> None:
    monitor(tmp_path, 0, "ina226", power1_input=1)
    monitor(tmp_path, 1, "ina226", power1_input=2, in1_label="CORE")
    said = "several power monitors (ina226 1, ina226 CORE): none is labelled as the whole board's (VDD_IN)"
    assert refused(tmp_path) == said


@pytest.mark.parametrize("chip", ["amdgpu", "BAT0", "nvme", "ina", "power_meter"])
def test_other_chips_are_no_supply_s(tmp_path: Path, chip: str) -> None:
    assert sensors(str(monitor(tmp_path, 0, chip, power1_input=5_000_000))) == ([], [])


@pytest.mark.parametrize("current", [-500_000, 500_000])
def test_a_battery_is_read_whatever_sign_its_driver_gives(tmp_path: Path, current: int) -> None:
    sensor = only(battery(tmp_path, current_now=current))
    assert (sensor.name, sensor.kind, sensor.read(), sensor.fault()) == ("battery BAT0", "power", 1_900_000, "")


def test_batteries_are_added_and_a_mouse_s_is_not(tmp_path: Path) -> None:
    battery(tmp_path)
    battery(tmp_path, "BAT1", current_now=100_000)
    battery(tmp_path, "hidpp_battery_0", scope="Device", current_now=7)
    made(tmp_path, {"power_supply/AC/type": "Mains", "power_supply/AC/online": 0})
    sensor = only(tmp_path)
    assert (sensor.name, sensor.read()) == ("battery BAT0, BAT1", 1_900_000 + 380_000)


@pytest.mark.parametrize(("status", "said"), [("Charging", "charging"), ("Full", "full"), ("", "of unknown status")])
def test_a_battery_that_does_not_feed_the_device_tells_nothing_of_it(tmp_path: Path, status: str, said: str) -> None:
    reason = refused(battery(tmp_path, status=status))
    assert reason == f"battery BAT0 is {said}: what feeds the device is not its current"


def test_the_nearest_to_what_computes_comes_first_and_what_is_refused_is_told(tmp_path: Path) -> None:
    rapl(battery(monitor(tmp_path, 0, "ina260", power1_input=9)), {"intel-rapl:0": "package-0"})
    found, reasons = sensors(str(tmp_path))
    assert ([sensor.name for sensor in found], reasons) == (["RAPL package-0", "ina260 1", "battery BAT0"], [])
    (tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj").write_text("?")
    found, (reason,) = sensors(str(tmp_path))
    assert (found[0].name, "energy_uj" in reason) == ("ina260 1", True)
