"""The timed loop beside a made power sensor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_power import Package, made, rapl

from edgerig.measure.energy import energy
from edgerig.measure.raw_run import RawEnergy
from edgerig.ondevice import timing
from edgerig.ondevice.contention import Watch
from edgerig.ondevice.energy import Meter, Metered
from edgerig.ondevice.power import NO_SENSOR


def timed(meter: Meter, call: Callable[[], object], seconds: float = 0.6) -> dict[str, Any]:
    """What the meter says of a loop with two pauses, after an idle time."""
    meter.idle()
    watch = Watch()
    samples = timing.steady(
        call,
        min_runs=20,
        min_seconds=seconds,
        max_seconds=30,
        pause=lambda: time.sleep(0.02),
        watch=meter.beside(watch),
    )
    watch.close()
    found = meter.to_json()
    assert found.get("inferences", len(samples)) == len(samples)
    return found


def test_what_an_inference_takes_is_told_apart_from_the_idle_device(tmp_path: Path) -> None:
    with Package(tmp_path, watts=0.5, start=999_000_000) as package:
        found = timed(Meter(str(tmp_path)), lambda: package.burn(2000))
    assert (found["sensor"], found["kind"]) == ("RAPL package-0", "counter")
    result = energy([RawEnergy(**found)], None)
    assert result.reason == ""
    assert result.millijoules == pytest.approx(2, rel=0.02)  # what lies between two readings of the clock is a watt's
    assert result.gross_millijoules > result.millijoules
    assert result.idle_watts == pytest.approx(0.5, rel=0.5)
    assert (result.interval_seconds, result.idle_seconds >= 0.5) == (0.001, True)


def test_a_power_is_integrated_over_the_bursts(tmp_path: Path) -> None:
    """A chip that reads 2 W in rest and 5 W in the loop, give or take a microwatt by which it is seen to be alive."""
    made(tmp_path, {"hwmon/hwmon0/name": "ina219", "hwmon/hwmon0/power1_input": "2000000"})
    chip = (tmp_path / "sys/class/hwmon/hwmon0/power1_input").open("r+b", buffering=0)
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        chip.seek(0)
        chip.write(b"%07d\n" % (5_000_000 + calls % 2))

    meter = Meter(str(tmp_path), idle_seconds=0.2)
    meter.idle()
    call()
    found = meter.to_json() | {}
    assert (found["idle_microjoules"], found["idle_changes"]) == (pytest.approx(2e-3 * found["idle_ns"], rel=1e-3), 0)
    call()
    samples = timing.steady(call, min_runs=1, min_seconds=0.4, max_seconds=30, watch=meter.beside(Watch()))
    chip.close()
    found = meter.to_json()
    assert found["microjoules"] == pytest.approx(5e-3 * found["window_ns"], rel=1e-5)
    assert found["window_ns"] >= samples.sum()
    assert 2 <= found["readings"] <= 12


def test_a_sensor_is_read_seldom_however_often_the_watch_is(tmp_path: Path) -> None:
    rapl(tmp_path, {"intel-rapl:0": "package-0"})
    found = timed(Meter(str(tmp_path), idle_seconds=0.01), lambda: None, seconds=0.3)
    assert 1 <= found["readings"] <= 12
    assert found["changes"] == 0


def test_without_a_sensor_the_loop_is_as_it_was(tmp_path: Path) -> None:
    watch = Watch()
    meter = Meter(str(tmp_path))
    assert meter.beside(watch) is watch
    meter.idle()
    assert meter.to_json() == {"reason": NO_SENSOR}
    rapl(tmp_path, {"intel-rapl:0": "package-0"})
    assert Meter(str(tmp_path), unwanted="emulated").to_json() == {"reason": "emulated"}
    assert isinstance(Meter(str(tmp_path)).beside(watch), Metered)
    watch.close()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("status", "Charging", "battery BAT0 is charging"),
        ("current_now", "unknown", "battery BAT0 stopped telling: it holds no number"),
    ],
)
def test_a_battery_that_is_charged_or_falls_silent_meanwhile_tells_nothing(
    tmp_path: Path, file: str, text: str, said: str
) -> None:
    folder = "power_supply/BAT0"
    values = {"type": "Battery", "status": "Discharging", "current_now": 300_000, "voltage_now": 4_000_000}
    made(tmp_path, {f"{folder}/{name}": value for name, value in values.items()})
    meter = Meter(str(tmp_path), idle_seconds=0.01)
    change = tmp_path / "sys/class" / folder / file
    found = timed(meter, lambda: change.write_text(text), seconds=0.05)
    assert list(found) == ["reason"]
    assert found["reason"].startswith(said)
