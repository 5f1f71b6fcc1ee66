"""A calibration sample that is evaluated too is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.build.datasets.overlap import Overlap
from edgerig.errors import DatasetError


def noise(count: int, seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).standard_normal((count, 3, 4)).astype(np.float32)


def check(evaluated: list[npt.NDArray[Any]], calibrated: list[npt.NDArray[Any]]) -> None:
    overlap = Overlap("data.npz")
    for start in range(0, len(evaluated[0]), 5):  # as they come, in batches
        overlap.evaluated([array[start : start + 5] for array in evaluated])
    overlap.calibrated(calibrated)
    overlap.check()


def test_one_shared_sample_is_named() -> None:
    data = noise(40)
    with pytest.raises(DatasetError, match=r"1 of 9 calibration samples .* number 8 \(evaluation's 17\)"):
        check([data], [np.concatenate([noise(8, seed=1), data[17:18]])])
    check([data], [noise(8, seed=1)])


def test_samples_of_several_inputs_are_shared_when_all_of_them_are() -> None:
    one, other = noise(10), noise(10, seed=1)
    check([one, other], [one, other[::-1]])
    with pytest.raises(DatasetError, match="10 of 10"):
        check([one, other], [one, other])


def test_blank_samples_may_come_in_both() -> None:
    blank = np.zeros((2, 3, 4), np.float32)
    check([np.concatenate([noise(5), blank])], [np.concatenate([noise(5, seed=1), blank])])


def test_few_integers_may_meet_by_chance() -> None:
    rows = np.random.default_rng(0).integers(0, 9, (100, 4))
    check([rows], [np.concatenate([rows[:2], rows[:38] + 100])])
    with pytest.raises(DatasetError, match="30 of 40"):
        check([rows], [np.concatenate([rows[:30], rows[:10] + 100])])
