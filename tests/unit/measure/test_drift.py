"""Samples that drift, and those that only scatter: every figure is the test's own."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.measure.drift import one_way, signs
from edgerig.results import CellState, Reading

MS = 1_000_000
STILL = CellState()


def process(
    level: float, generator: np.random.Generator, slope: float = 0.0, count: int = 400
) -> npt.NDArray[np.int64]:
    """Samples around `level` ms that end at `1 + slope` of where they began."""
    line = np.linspace(1.0, 1.0 + slope, count)
    return (level * line * generator.lognormal(0, 0.02, count) * MS).astype(np.int64)


def clock(*khz: int, cpu: int = 0) -> CellState:
    readings = [Reading(frequency_khz=each, max_frequency_khz=2_000_000, cpu=cpu) for each in khz]
    return CellState(before=readings[0], during=tuple(readings[1:-1]), after=readings[-1])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("step", "said"), [(1.03, "slower"), (0.97, "faster")])
def test_processes_that_follow_each_other_one_way_drift(seed: int, step: float, said: str) -> None:
    generator = np.random.default_rng(seed)
    (found,) = signs([process(step**k, generator) for k in range(5)], STILL)
    assert found.startswith("its 5 processes got")
    assert said in found


@pytest.mark.parametrize("seed", range(20))
def test_loops_that_all_change_in_the_same_way_drift(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found = signs([process(1.0, generator, slope=0.2) for _ in range(3)], STILL)
    assert len(found) == 1
    assert "slower within each of its 3 loops" in found[0]


@pytest.mark.parametrize("seed", range(20))
def test_processes_that_differ_by_chance_do_not_drift(seed: int) -> None:
    generator = np.random.default_rng(seed)
    levels = generator.permutation([1.0, 1.006, 0.994, 1.009, 0.991])
    assert signs([process(level, generator) for level in levels], STILL) == []


@pytest.mark.parametrize("seed", range(20))
def test_loops_that_come_to_rest_soon_do_not_drift(seed: int) -> None:
    """Each begins 15 % slower and is at rest after a tenth of it."""
    generator = np.random.default_rng(seed)
    shape = 1 + 0.15 * np.exp(-np.arange(400) / 40)
    assert signs([(process(1.0, generator) * shape).astype(np.int64) for _ in range(5)], STILL) == []


def test_a_small_change_however_sure_does_not_count() -> None:
    generator = np.random.default_rng(0)
    assert signs([process(1.005**k, generator) for k in range(5)], STILL) == []


def test_three_processes_in_order_are_chance() -> None:
    generator = np.random.default_rng(0)
    assert signs([process(1.05**k, generator) for k in range(3)], STILL) == []


@pytest.mark.parametrize(
    ("state", "drifts"),
    [
        (clock(1_000_000, 2_000_000, 2_000_000, 2_000_000), False),  # what was idle before the loop
        (clock(2_000_000, 1_200_000, 1_200_000, 2_000_000), True),
        (clock(2_000_000, 1_900_000, 2_000_000, 1_950_000), False),
    ],
)
def test_a_clock_that_rises_between_readings_of_the_loop_is_told(state: CellState, drifts: bool) -> None:
    assert bool(signs([np.full(100, MS)], state)) == drifts


def test_a_move_to_a_faster_core_is_no_rise() -> None:
    little, big = (Reading(frequency_khz=khz, cpu=cpu) for khz, cpu in ((1_000_000, 0), (2_000_000, 4)))
    assert signs([np.full(100, MS)], CellState(during=(little, big, little), after=big)) == []


@pytest.mark.parametrize("count", [5, 6])
def test_the_test_of_order_is_exact_for_few(count: int) -> None:
    """Held against every order there is."""
    orders = list(itertools.permutations(range(count)))
    taken = sum(one_way(np.array(order, dtype=float)) for order in orders)
    assert 0 < taken / math.factorial(count) <= 0.02


def test_the_test_of_order_keeps_its_share_for_many() -> None:
    generator = np.random.default_rng(1)
    taken = sum(one_way(generator.normal(size=30)) for _ in range(2000))
    assert 0.005 < taken / 2000 < 0.035
