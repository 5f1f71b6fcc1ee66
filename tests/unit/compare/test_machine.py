"""What a machine that was slower in one of two runs does to their comparison."""

from __future__ import annotations

import numpy as np
import pytest
from unit.compare.snapshots import cell, run, timed

from edgerig.compare.comparison import Comparison, compare
from edgerig.compare.figure_change import MetricChange
from edgerig.compare.machine import Control, Speed, speed_of
from edgerig.compare.snapshot import CellSnapshot, DeviceSnapshot
from edgerig.compare.wording import effect_text, machine_lines


def speed(clock: float = 1.0, core: float | None = 1.0, memory: float | None = 1.0, half_width: float = 0.003) -> Speed:
    """By how much slower the machine was than usual."""
    controls = {"clock": (0.118, clock), "core": (0.2, core), "memory": (4.0, memory)}
    known = {name: Control(ms=ms * slower, half_width=half_width) for name, (ms, slower) in controls.items() if slower}
    return Speed.model_validate(known)


def compared(base: CellSnapshot, new: CellSnapshot, was: Speed, now: Speed) -> tuple[MetricChange, Comparison]:
    """The change of the latency where the machine was as fast as `was` and then `now` say."""
    before, after = (
        run(found).model_copy(
            update={"devices": {"local": DeviceSnapshot(kind="local", emulated=False, cpu="cpu A", speed=speed_)}}
        )
        for found, speed_ in ((base, was), (new, now))
    )
    found = compare(before, after)
    return next(each for each in found.cells[0].metrics if each.metric == "latency"), found


def test_a_machine_that_was_slower_in_an_older_run_makes_latencies_inconclusive_once() -> None:
    """Without the second control there is no correction: as it was before there was one."""
    slowed = cell(latency=timed(1.2, 1.21, 1.19, control_ms=0.14))
    found = compare(run(cell()), run(slowed))
    (latency,) = (each for each in found.cells[0].metrics if each.metric == "latency")
    assert (latency.label, latency.measured) == ("inconclusive", None)
    assert latency.reason == "the machine itself changed: see the note on it"
    (told,) = machine_lines(found)
    assert told.startswith("local: the machine took +18.6 %")
    assert "no latency is compared" in told
    nearly = compare(run(cell()), run(cell(latency=timed(1.00, 1.01, 0.99, control_ms=0.120))))
    assert nearly.cells[0].label == "same"
    assert "as measured" in machine_lines(nearly)[0]


@pytest.mark.parametrize(
    ("slower", "label"), [(1.0, "same"), (1.10, "regressed"), (0.9, "improved"), (1.05, "inconclusive")]
)
@pytest.mark.parametrize("clock", [0.9, 0.945, 1.0, 1.055, 1.2])
def test_a_change_of_the_clock_is_corrected_for_and_one_of_the_build_is_still_seen(
    clock: float, slower: float, label: str
) -> None:
    new = cell(latency=timed(*(clock * slower * p50 for p50 in (1.00, 1.01, 0.99))))
    found, comparison = compared(cell(), new, speed(), speed(clock, clock, clock))
    assert found.label == label
    assert found.effect == pytest.approx(slower - 1, abs=1e-6)
    assert found.measured == pytest.approx(clock * slower - 1, abs=1e-6)
    assert f"{100 * (clock - 1):+.1f} %" in machine_lines(comparison)[0]
    assert "as measured" in effect_text(found)


def test_how_exactly_the_machine_is_known_widens_the_interval() -> None:
    exact, _ = compared(cell(), cell(), speed(), speed())
    vague, _ = compared(cell(), cell(), speed(), speed(half_width=0.06))
    assert vague.high - vague.low > exact.high - exact.low + 0.04
    assert (exact.label, vague.label) == ("same", "inconclusive")


@pytest.mark.parametrize(
    ("clock", "core", "memory"), [(1.0, 1.0, 1.3), (1.2, 1.2, 1.0), (1.0, 1.7, 1.0), (1.0, 1.0, 0.7), (1.0, 1.3, None)]
)
def test_where_the_controls_disagree_it_is_inconclusive_and_said_once(
    clock: float, core: float, memory: float | None
) -> None:
    new = cell(latency=timed(*(clock * p50 for p50 in (1.00, 1.01, 0.99))))
    found, comparison = compared(cell(), new, speed(), speed(clock, core, memory))
    assert found.label == "inconclusive"
    assert found.reason == "the machine itself changed: see the note on it"
    assert "more than chance explains" in machine_lines(comparison)[0]


@pytest.mark.parametrize(("size_bytes", "label"), [(100_000, "same"), (4_000_000, "inconclusive")])
def test_memory_matters_to_what_reads_it(size_bytes: int, label: str) -> None:
    """At 16 GB/s, a millisecond reads 16 MB: 4 MB twice are half of it."""
    found, _ = compared(cell(size_bytes=size_bytes), cell(size_bytes=size_bytes), speed(), speed(1.0, 1.0, 1.2))
    assert found.label == label


def test_what_follows_another_control_than_the_clock_is_no_regression() -> None:
    """A neighbour on the same core: its arithmetic takes 40 % longer, some networks by as much, others by little."""
    for slower, label in ((1.0, "inconclusive"), (1.2, "inconclusive"), (1.4, "inconclusive"), (2.0, "regressed")):
        new = cell(latency=timed(*(slower * p50 for p50 in (1.00, 1.01, 0.99))))
        assert compared(cell(), new, speed(), speed(1.0, 1.4, 1.1))[0].label == label


@pytest.mark.parametrize(("own", "label"), [(1.0, "regressed"), (1.02, "regressed"), (1.3, "inconclusive")])
def test_a_neighbour_beside_one_cell_alone_is_seen_by_its_own_control(own: float, label: str) -> None:
    base = cell(latency=timed(1.0, 1.01, 0.99).model_copy(update={"core_control_ms": 0.2}))
    new = cell(latency=timed(1.25, 1.26, 1.24).model_copy(update={"core_control_ms": 0.2 * own}))
    found, _ = compared(base, new, speed(), speed())
    assert found.label == label
    assert ("beside this cell took +30%" in found.reason) == (own == 1.3)


@pytest.mark.parametrize(("own", "label"), [(1.15, "regressed"), (1.3, "inconclusive")])
def test_a_core_that_was_shared_all_the_time_is_seen_by_what_lies_beside_the_samples(own: float, label: str) -> None:
    """What chose them differs by chance up to the limit of the choice; the longer control met other neighbours."""
    base = {"core_control_ms": 0.2, "beside_ms": 0.009}
    new = {"core_control_ms": 0.3, "beside_ms": 0.009 * own}
    found, _ = compared(
        cell(latency=timed(1.0, 1.01, 0.99).model_copy(update=base)),
        cell(latency=timed(1.25, 1.26, 1.24).model_copy(update=new)),
        speed(),
        speed(),
    )
    assert found.label == label


def test_a_machine_that_is_twice_as_slow_is_not_corrected_for() -> None:
    new = cell(latency=timed(1.4, 1.41, 1.39))
    found, comparison = compared(cell(), new, speed(), speed(1.4, 1.4, 1.4))
    assert (found.label, found.measured) == ("inconclusive", None)
    assert "more than the 25%" in machine_lines(comparison)[0]


def test_another_processor_has_no_correction() -> None:
    found = compare(run(cell()), run(cell(), cpu="cpu B"))
    assert found.machines == ()


def test_the_machine_is_known_the_better_the_more_cells_were_run() -> None:
    generator = np.random.default_rng(5)
    cells = [tuple(0.118 * np.exp(generator.normal(0, 0.01, 5))) for _ in range(24)]
    many, few, one = (speed_of(found).clock for found in (cells, cells[:2], [cells[0][:1]]))
    assert many is not None and few is not None and one is not None
    assert many.half_width < few.half_width < one.half_width
    assert many.ms == pytest.approx(0.118, rel=0.005)
    assert speed_of([], [()], []) == Speed()
