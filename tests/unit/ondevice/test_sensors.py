"""Readings of the device's state: this machine's own, and of trees laid out as those of a Raspberry Pi and a phone."""

import os
import time
from pathlib import Path

import pytest

from edgerig.ondevice.sensors import Sensors


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def stat(cpu: int) -> str:
    """/proc/self/stat with a name that tries to look like fields; field 39 is the processor."""
    after_name = ["S", *(["7"] * 35), str(cpu), *(["0"] * 13)]
    return f"1234 (a ) 9 b) {' '.join(after_name)}\n"


PI = {
    "proc/loadavg": "0.52 0.58 0.59 1/150 1234\n",
    "proc/meminfo": "MemTotal:        3884364 kB\nMemFree: 1 kB\nMemAvailable:    3457068 kB\n",
    "proc/self/stat": stat(2),
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "81303\n",
    "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "60006\n",
}


def test_this_machine_tells_what_it_has_and_why_it_lacks_the_rest() -> None:
    sensors = Sensors()
    found = sensors.read()
    assert found["load1"] >= 0
    assert found["memory_available_bytes"] > 0
    assert 0 <= found["cpu"] < (os.cpu_count() or 1)
    assert {name for name, value in found.items() if value is None} == set(sensors.reasons)
    assert all(sensors.reasons.values())
    time.sleep(0.01)
    assert sensors.read()["at_ns"] - found["at_ns"] >= 10_000_000


def test_a_raspberry_pi(tmp_path: Path) -> None:
    write(tmp_path, PI)
    sensors = Sensors(str(tmp_path))
    found = sensors.read()
    del found["at_ns"]
    assert found == {
        "load1": 0.52,
        "memory_available_bytes": 3457068 * 1024,
        "temperature_c": 81.303,
        "cpu": 2,
        "frequency_khz": 1_500_000,
        "max_frequency_khz": 1_800_000,
        "throttled_bits": 0x60006,
    }
    assert sensors.reasons == {}


def test_a_pi_whose_kernel_does_not_tell_is_asked_through_vcgencmd(tmp_path: Path) -> None:
    write(tmp_path, {"usr/bin/vcgencmd": '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50005\n'})
    (tmp_path / "usr/bin/vcgencmd").chmod(0o755)
    assert Sensors(str(tmp_path)).read()["throttled_bits"] == 0x50005


@pytest.mark.parametrize("said", ["exit 1", "echo VCHI initialization failed", "echo throttled=0xZZ"])
def test_a_vcgencmd_that_does_not_answer_is_a_missing_value(tmp_path: Path, said: str) -> None:
    write(tmp_path, {"usr/bin/vcgencmd": f"#!/bin/sh\n{said}\n"})
    (tmp_path / "usr/bin/vcgencmd").chmod(0o755)
    sensors = Sensors(str(tmp_path))
    assert sensors.read()["throttled_bits"] is None
    assert sensors.reasons["throttled_bits"]


def test_of_a_phones_many_zones_the_processors_hottest_counts(tmp_path: Path) -> None:
    zones = {"battery": "31000", "cpu-1-0": "48200", "cpu-1-1": "52700", "chg-therm": "91000", "cpu-dead": "-273000"}
    for index, (kind, temp) in enumerate(zones.items()):
        folder = f"sys/class/thermal/thermal_zone{index}"
        write(tmp_path, {f"{folder}/type": f"{kind}\n", f"{folder}/temp": f"{temp}\n"})
    assert Sensors(str(tmp_path)).read()["temperature_c"] == 52.7


def test_where_no_zone_names_the_processor_all_are_asked(tmp_path: Path) -> None:
    write(tmp_path, {"sys/class/thermal/thermal_zone0/type": "acpitz", "sys/class/thermal/thermal_zone0/temp": "27800"})
    assert Sensors(str(tmp_path)).read()["temperature_c"] == 27.8


def test_nothing_there_is_nothing_told(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": "\0garbage", "proc/loadavg": "soon"})
    sensors = Sensors(str(tmp_path))
    found = sensors.read()
    assert all(found[name] is None for name in found if name != "at_ns")
    assert len(sensors.reasons) == len(found) - 1
