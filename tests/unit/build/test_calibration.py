"""Ranges by each method, on values whose best range is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerig.build.calibration import Extremes, Histogram, Method

NORMAL = np.random.default_rng(0).standard_normal(100_000)


def found(name: Any, values: np.ndarray, percentile: float = 99.99) -> tuple[float, float]:
    extremes = Extremes()
    extremes.see(values)
    histogram = Histogram(extremes.least, extremes.largest)
    histogram.see(values)
    return histogram.range(Method(name, percentile))


def test_a_percentile_cuts_half_of_the_rest_on_either_side() -> None:
    low, high = found("percentile", NORMAL, 99.0)
    assert (low, high) == pytest.approx(np.quantile(NORMAL, [0.005, 0.995]), abs=0.01)
    assert found("percentile", NORMAL, 100.0) == (NORMAL.min(), NORMAL.max())


@pytest.mark.parametrize("name", ["percentile", "entropy", "mse"])
def test_what_is_evenly_spread_keeps_its_range(name: str) -> None:
    low, high = found(name, np.linspace(-1.0, 1.0, 50_001))
    assert low < -0.98
    assert high > 0.98


@pytest.mark.parametrize("name", ["percentile", "entropy"])
def test_one_far_value_does_not_take_the_steps_of_all_others(name: str) -> None:
    low, high = found(name, np.append(NORMAL, 40.0))
    assert low < -3.0
    assert 3.0 < high < 10.0


def test_the_least_squared_error_is_found() -> None:
    values = np.append(NORMAL, [60.0] * 3)
    low, high = found("mse", values)

    def error(least: float, largest: float) -> float:
        step = (largest - least) / 255
        return float(((np.clip(np.rint((values - least) / step), 0, 255) * step + least - values) ** 2).mean())

    assert error(low, high) < 1.05 * min(error(values.min(), top) for top in np.linspace(4, 60, 57))


def test_a_range_holds_zero_and_a_constant_is_no_range() -> None:
    low, high = found("mse", np.random.default_rng(1).uniform(2.0, 3.0, 1000))
    assert low == 0.0 < high
    assert found("entropy", np.full(10, 2.5)) == (0.0, 2.5)
    assert found("mse", np.zeros(4)) == (0.0, 0.0)


def test_a_moving_average_follows_the_samples_and_infinities_are_left_out() -> None:
    extremes = Extremes()
    for sample in ([-1.0, 1.0], [-1.0, 101.0], [np.inf, np.nan], [-3.0, 0.0]):
        extremes.see(np.array(sample))
    assert (extremes.least, extremes.largest) == (-3.0, 101.0)
    assert extremes.average == pytest.approx((-1.02, 1.98))
