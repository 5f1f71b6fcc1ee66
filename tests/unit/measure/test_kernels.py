"""A device is held against the same file where it was built, on the same samples, and against nothing else."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.measure.kernels import FLOAT, INTEGER, compare_kernels


def noise(*shape: int, seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_outliers_late_in_the_set_are_not_the_devices_fault() -> None:
    source = noise(200, 10)
    quantized = source.copy()
    quantized[100:] = 0.1  # what a file does to samples far beyond its calibrated ranges, on every machine
    found = compare_kernels(["y"], [quantized], [quantized[:16]], [source], INTEGER)
    assert (found.wrong, found.error, found.samples) == ("", 0.0, 16)


def test_kernels_may_round_differently_and_saturate() -> None:
    source = noise(16, 10)
    host, device = source + 0.15 * noise(16, 10, seed=1), source + 0.02 * noise(16, 10, seed=2)
    assert compare_kernels(["y"], [device], [host], [source], INTEGER).wrong == ""


def test_a_device_nearer_to_the_source_than_the_host_is_right() -> None:
    source = noise(16, 10)
    saturated = source + 0.8 * noise(16, 10, seed=1)
    assert compare_kernels(["y"], [source], [saturated], [source], INTEGER).wrong == ""
    assert "is usual" in compare_kernels(["y"], [saturated], [source], [source], INTEGER).wrong


@pytest.mark.parametrize("tolerance", [FLOAT, INTEGER])
def test_another_computation_is_wrong_with_a_source_and_without(tolerance: float) -> None:
    host = noise(16, 10)
    for reference in (None, [host]):
        found = compare_kernels(["y"], [noise(16, 10, seed=3)], [host], reference, tolerance)
        assert 'output "y"' in found.wrong


def test_nan_on_the_device_is_wrong() -> None:
    found = compare_kernels(["y"], [np.full((16, 3), np.nan, np.float32)], [noise(16, 3)], None, INTEGER)
    assert "NaN" in found.wrong
    assert found.error is None


def test_a_swapped_index_is_a_near_tie() -> None:
    index = np.arange(48).reshape(16, 3)
    swapped = index.copy()
    swapped[0, :2] = index[0, 1::-1]
    assert compare_kernels(["i"], [swapped], [index], None, FLOAT).wrong == ""
    assert "agrees in 0%" in compare_kernels(["i"], [index + 1], [index], None, FLOAT).wrong


def test_without_the_hosts_outputs_nothing_is_claimed() -> None:
    assert compare_kernels(["y"], [noise(16, 3)], None, [noise(16, 3)], FLOAT) is None
