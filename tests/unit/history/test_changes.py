"""Levels that changed are found where they changed, and noise is not told as news."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.history import changes
from edgerig.history.changes import Step


def noisy(values: Iterable[float], exact: bool = False, minimum: float = 0.05) -> list[Step]:
    return changes.find(list(values), exact=exact, minimum=minimum)


def noise(seed: int, size: int, spread: float = 0.01) -> npt.NDArray[Any]:
    return np.exp(np.random.default_rng(seed).normal(0, spread, size))


@pytest.mark.parametrize(("before", "after"), [(5, 5), (10, 3), (3, 10), (15, 15), (40, 5)])
def test_a_step_of_ten_per_cent_in_one_per_cent_of_noise_is_found_where_it_is(before: int, after: int) -> None:
    values = noise(1, before + after) * np.repeat([1.0, 1.1], [before, after])
    (step,) = noisy(values)
    assert step.index == before
    assert step.before == np.median(values[:before])
    assert step.after == np.median(values[before:])
    assert step.ratio == pytest.approx(1.1, rel=0.02)
    assert step.p is not None
    assert step.p <= changes.SIGNIFICANCE


def test_several_steps_in_time_order() -> None:
    values = noise(2, 45) * np.repeat([1.0, 1.2, 0.9], 15)
    assert [step.index for step in noisy(values)] == [15, 30]


@pytest.mark.parametrize(("before", "after"), [(3, 3), (4, 4), (10, 2), (2, 10), (12, 1)])
def test_too_few_points_tell_nothing_however_large_the_step(before: int, after: int) -> None:
    assert noisy(np.repeat([1.0, 2.0], [before, after])) == []


@pytest.mark.parametrize("size", [0, 1, 2, 5, 6, 50])
def test_a_flat_series_has_no_change(size: int) -> None:
    assert noisy([1.0] * size) == []
    assert noisy([1.0] * size, exact=True) == []


def test_odd_runs_are_not_a_change() -> None:
    values = noise(3, 30)
    values[[7, 8, 20]] *= 3
    assert noisy(values) == []


def test_a_change_below_the_minimum_is_not_told_however_sure() -> None:
    assert noisy(noise(4, 60, 0.001) * np.repeat([1.0, 1.03], 30)) == []


@pytest.mark.parametrize("spread", [0.02, 0.10])
def test_noise_alone_rarely_makes_a_change(spread: float) -> None:
    """5 % and more between medians needs luck at 2 % noise, and at 10 % the permutation test holds: at most 1 % of
    series is the design; 4 of 100 leaves room for chance (P < 0.004 at 1 %)."""
    told = sum(bool(noisy(np.exp(np.random.default_rng(s).standard_t(3, 20) * spread))) for s in range(100))
    assert told <= 4


def test_the_answer_is_the_same_every_time() -> None:
    values = noise(5, 30, 0.05) * np.repeat([1.0, 1.15], 15)
    assert noisy(values) == noisy(values)


def test_an_exact_figure_changes_at_once_and_back() -> None:
    values = [100, 100, 120, 100, 100]
    steps = noisy(values, exact=True, minimum=0.01)
    assert [(step.index, step.before, step.after, step.p) for step in steps] == [
        (2, 100, 120, None),
        (3, 120, 100, None),
    ]


def test_an_exact_figure_may_wander_within_the_minimum() -> None:
    assert noisy([1000, 1004, 997, 1003], exact=True, minimum=0.01) == []


def test_a_change_from_zero_has_an_infinite_ratio() -> None:
    (step,) = noisy([0, 0, 5], exact=True, minimum=0.01)
    assert math.isinf(step.ratio)


def test_a_long_history_is_looked_at_from_its_end() -> None:
    values = np.concatenate([np.ones(700), np.full(50, 1.3)])
    (step,) = noisy(values)
    assert step.index == 700
