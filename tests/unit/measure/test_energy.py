"""A raw run's energy → the figure, and all the ways there is none."""

from __future__ import annotations

import pytest

from edgerig.measure.energy import energy
from edgerig.measure.raw_run import RawEnergy
from edgerig.results import Contention, Energy

SECOND = 10**9


def counter(**changes: object) -> RawEnergy:
    """Of 4 J in 2 s, 1 W of which is the idle device's: 2 J for 1000 inferences."""
    known = {
        "sensor": "RAPL package-0", "kind": "counter", "update_ns": 10**6, "microjoules": 4_000_000,
        "window_ns": 2 * SECOND, "inferences": 1000, "readings": 40, "changes": 40, "idle_microjoules": 500_000,
        "idle_ns": SECOND // 2, "idle_changes": 10,
    }  # fmt: skip
    return RawEnergy.model_validate({**known, **changes})


def slow(**changes: object) -> RawEnergy:
    """A battery that tells something new every half second."""
    known = {"sensor": "battery BAT0", "kind": "power", "update_ns": 0, "window_ns": 10 * SECOND, "idle_ns": 6 * SECOND}
    return counter(**{**known, "idle_microjoules": 1_000_000, "changes": 20, "idle_changes": 12, **changes})


def test_the_idle_device_is_taken_off() -> None:
    assert energy([counter()], None) == Energy(
        millijoules=2.0,
        gross_millijoules=4.0,
        process_millijoules=(2.0,),
        idle_watts=1.0,
        sensor="RAPL package-0",
        interval_seconds=0.001,
        seconds=2.0,
        idle_seconds=0.5,
        inferences=1000,
    )


def test_each_process_is_held_against_its_own_idle_power() -> None:
    warm = counter(microjoules=8_000_000, idle_microjoules=1_000_000, inferences=3000)
    found = energy([counter(), warm], None)
    assert found.millijoules == pytest.approx((2000 + 4000) / 4000)
    assert found.process_millijoules == pytest.approx((2.0, 4 / 3))
    assert (found.idle_watts, found.inferences, found.seconds) == (1.5, 4000, 4.0)


def test_three_processes_give_an_interval_and_two_none() -> None:
    """2, 2.2 and 2.4 mJ: the mean 2.2, the standard deviation 0.2; Student's quantile of 2 degrees is 4.303."""
    three = [counter(microjoules=4_000_000 + more) for more in (0, 200_000, 400_000)]
    found = energy(three, None)
    half = 4.30265 * 0.2 / 3**0.5
    assert found.interval_millijoules == pytest.approx((2.2 - half, 2.2 + half), rel=1e-5)
    assert energy(three[:2], None).interval_millijoules is None


def test_a_slow_sensor_s_interval_is_how_often_it_told_something_new() -> None:
    found = energy([slow()], None)
    assert (found.reason, found.interval_seconds) == ("", 0.5)
    chip = energy([slow(update_ns=140_000_000, changes=300, idle_changes=100)], None)
    assert chip.interval_seconds == 0.14


def seen(**changes: object) -> Contention:
    known = {
        "contended": False, "measured": 10, "undisturbed": 9, "all_p50_ms": 1, "waited": 0.0, "stolen": 0, "company": 0,
        "involuntary_switches": 0,
    }  # fmt: skip
    return Contention.model_validate({**known, **changes})


@pytest.mark.parametrize(
    ("processes", "contention", "said"),
    [
        ([], None, "the runner measured none"),
        ([RawEnergy(reason="no power sensor: …")], None, "no power sensor: …"),
        ([counter(), RawEnergy(reason="battery BAT0 is charging")], None, "battery BAT0 is charging"),
        ([counter(inferences=0)], None, "was not measured"),
        ([counter(), counter(idle_ns=0)], None, "was not measured"),
        ([counter(microjoules=0, changes=0, idle_microjoules=0, idle_changes=0)], None, "the counter did not move"),
        ([counter(window_ns=9_000_000)], None, "the timed loop is shorter than 10 of the sensor's intervals (0.009 s"),
        ([slow(window_ns=3 * SECOND, changes=6)], None, "the timed loop is shorter than 10"),
        ([slow(idle_ns=2 * SECOND, idle_changes=4)], None, "the idle time before it is shorter than 10"),
        ([counter(microjoules=1_900_000)], None, "no more than the idle device"),
        ([counter()], seen(contended=True), "other processes were at work"),
        ([counter()], seen(counted="undisturbed"), "other processes were at work"),
    ],
)
def test_what_is_worth_nothing_is_none_with_the_reason(
    processes: list[RawEnergy], contention: Contention | None, said: str
) -> None:
    found = energy(processes, contention)
    assert (found.millijoules, found.process_millijoules) == (None, ())
    assert said in found.reason


def test_an_undisturbed_cell_has_its_energy() -> None:
    assert energy([counter()], seen()).millijoules == 2.0


def test_several_short_processes_together_are_long_enough() -> None:
    short = slow(window_ns=2 * SECOND, idle_ns=2 * SECOND, changes=4, idle_changes=4, idle_microjoules=200_000)
    assert "shorter" in energy([short] * 2, None).reason
    assert energy([short] * 3, None).millijoules is not None


@pytest.mark.parametrize(
    "damaged",
    [{"microjoules": -1}, {"kind": "guess"}, {"window_ns": 10**16}, {"inferences": 1.5}, {"sensor": "x" * 201}],
)
def test_a_device_s_word_is_bounded(damaged: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(damaged))):
        counter(**damaged)
