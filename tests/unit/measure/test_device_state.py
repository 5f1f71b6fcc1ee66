"""A cell's state from what the runner and the probes saw, and what of it says the device was throttled."""

from typing import Any

import pytest

from edgerig.measure.device_state import cell_state
from edgerig.measure.raw_run import RawReading, RawState
from edgerig.measure.throttling import signs, words
from edgerig.results import CellState, DeviceRecord, DeviceState, Reading


def probed(**state: object) -> DeviceRecord:
    return DeviceRecord(kind="adb", emulated=False, state=DeviceState.model_validate(state))


def at(ghz: float, most: float = 1.8, **more: Any) -> Reading:
    return Reading(frequency_khz=int(ghz * 1e6), max_frequency_khz=int(most * 1e6), **more)


def state(*during: Reading, before: Reading | None = None, after: Reading | None = None) -> CellState:
    return CellState(before=before, during=during, after=after)


def test_the_bits_are_those_of_the_documentation() -> None:
    assert words(0) == ()
    assert words(0x50005) == ("under-voltage", "throttled", "under-voltage has occurred", "throttling has occurred")
    assert words(0xF000F & ~0x50005) == (
        "frequency capped",
        "soft temperature limit",
        "frequency capping has occurred",
        "soft temperature limit has occurred",
    )


def test_the_runner_and_the_probes_complete_each_other() -> None:
    raw = RawState(
        before=RawReading(at_ns=0, load1=0.1, temperature_c=50, throttled_bits=0),
        during=[RawReading(at_ns=250_000_000, load1=0.4, temperature_c=70, throttled_bits=0x8)],
        after=RawReading(at_ns=10**9, load1=0.5, temperature_c=71, throttled_bits=0x80000),
        reasons={"frequency_khz": "no cpufreq", "max_frequency_khz": "no cpufreq"},
    )
    battery = {"percent": 80, "status": "Charging"}
    found = cell_state(raw, probed(load1=9.0, battery=battery, thermal_status="none"), None)
    assert found.before.load1 == 0.1  # the runner's own is nearer to the loop
    assert (found.before.battery_percent, found.before.battery_status) == (80, "Charging")
    assert found.before.thermal_status == "none"
    assert [reading.at_s for reading in found.during] == [0.25]
    assert found.during[0].throttled == ("soft temperature limit",)
    assert found.after.throttled == ("soft temperature limit has occurred",)
    assert found.reasons["frequency_khz"] == "no cpufreq"
    assert found.reasons["battery_percent"] == "asked before and after a cell only"
    assert "temperature_c" not in found.reasons


def test_without_the_runners_readings_the_probes_still_tell_and_every_gap_has_a_reason() -> None:
    found = cell_state(RawState(reason="emulated"), probed(load1=1.5), probed(load1=2.5))
    assert (found.before.load1, found.during, found.after.load1) == (1.5, (), 2.5)
    assert found.reasons["during"] == "emulated"
    for name in Reading.model_fields:
        assert (getattr(found.after, name) is None) <= bool(found.reasons.get(name)), name


def test_nothing_seen_at_all_is_told() -> None:
    found = cell_state(RawState(), None, None)
    assert (found.before, found.during, found.after) == (None, (), None)
    assert set(found.reasons) == {*Reading.model_fields, "during"}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (state(), []),
        (state(at(1.8), at(1.5), before=at(1.8)), ["the processor's frequency fell to 83% of what it was before"]),
        (state(at(1.8), before=at(0.6), after=at(1.7)), []),  # it rose, and wandered by a few per cent
        (state(at(1.8), at(2.0, most=2.0), before=at(2.8, most=2.8)), []),  # moved to another core, at its full speed
        (state(before=at(1.8), after=at(1.2)), ["the processor's frequency fell to 67% of what it was before"]),
        (
            state(Reading(throttled=("throttled", "throttling has occurred")), before=Reading(throttled=())),
            ["the firmware says: throttled"],
        ),
        (
            state(before=Reading(throttled=()), after=Reading(throttled=("under-voltage has occurred",))),
            ["the firmware says: under-voltage has occurred"],
        ),
        (  # of before the run: since the last boot, who knows when
            state(
                before=Reading(throttled=("throttling has occurred",)),
                after=Reading(throttled=("throttling has occurred",)),
            ),
            [],
        ),
        (
            state(before=Reading(thermal_status="none"), after=Reading(thermal_status="light")),
            ["Android's thermal status was light"],
        ),
        (state(before=Reading(thermal_status="none"), after=Reading(thermal_status=None)), []),
    ],
)
def test_what_says_that_a_device_was_throttled(found: CellState, said: list[str]) -> None:
    assert signs(found) == said
