"""Ranges → factors: every layer's range of a channel becomes the same, and what is scaled is scaled back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgerig.build.equalize.factors import factors

RANGES = hnp.arrays(
    np.float64, st.tuples(st.integers(2, 4), st.integers(1, 8)), elements=st.floats(1e-6, 1e6, allow_nan=False)
)


@given(RANGES)
def test_a_channels_factors_cancel_and_its_ranges_become_their_geometric_mean(ranges: np.ndarray) -> None:
    found = factors(ranges)
    assert found.prod(axis=0) == pytest.approx(1.0)
    mean = np.exp(np.log(ranges).mean(axis=0))
    assert ranges * found == pytest.approx(np.broadcast_to(mean, ranges.shape))


def test_of_two_layers_it_is_the_papers_formula() -> None:
    first, second = np.array([4.0, 0.5]), np.array([1.0, 8.0])
    s = np.sqrt(first * second) / second  # equation 11 of arXiv:1906.04721
    assert factors(np.stack([first, second])) == pytest.approx(np.stack([1 / s, s]))


@pytest.mark.parametrize("dead", [0.0, np.inf, np.nan])
def test_a_channel_without_a_range_stays_as_it_is(dead: float) -> None:
    found = factors(np.array([[dead, 2.0], [3.0, 8.0]]))
    assert found[:, 0].tolist() == [1.0, 1.0]
    assert found[:, 1] == pytest.approx([2.0, 0.5])
