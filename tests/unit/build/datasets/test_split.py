"""What is evaluated in place of the test data is none of it, and calibrates nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.build.datasets.opened import Laid, fits, lay

from edgerig.build.datasets.split import EVERY
from edgerig.errors import DatasetError, NoValidation

WANTED = fits((1, 2), classes=3)
UNLABELLED = fits((1, 2), labels="inputs")


def data(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = {
        name: rng.normal(size=(count, 2)).astype(np.float32) for name, count in (("inputs", 3), ("calibration", 9))
    }
    return drawn | {"labels": np.array([0, 1, 2])} | more


def laid(folder: Path, arrays: dict[str, Any], evaluate: str, wanted: Any = WANTED) -> Laid:
    np.savez(folder / "d.npz", **arrays)
    return lay({"npz": "d.npz", "evaluate": evaluate, "labels": wanted.labels}, folder, wanted)


def test_validation_arrays_are_evaluated_with_their_own_labels(tmp_path: Path) -> None:
    arrays = data(validation=np.full((2, 2), 7.0) * [[1], [2]], validation_labels=np.array([2, 0]))
    found = laid(tmp_path, arrays, "validation")
    assert found.inputs[0].tolist() == [[7, 7], [14, 14]]
    assert found.labels.tolist() == [2, 0]
    assert np.array_equal(found.calibration[0], arrays["calibration"])
    assert np.array_equal(laid(tmp_path, arrays, "test").inputs[0], arrays["inputs"])


@pytest.mark.parametrize("missing", ["validation", "validation_labels"])
def test_a_split_that_is_not_there_is_told_by_its_own_error(tmp_path: Path, missing: str) -> None:
    arrays = data(validation=np.ones((2, 2)), validation_labels=np.array([2, 0]))
    del arrays[missing]
    with pytest.raises(NoValidation, match=f'no array "{missing}"'):
        laid(tmp_path, arrays, "validation")


def test_every_fourth_calibration_sample_is_held_out_and_the_others_calibrate(tmp_path: Path) -> None:
    arrays = data()
    found = laid(tmp_path, arrays, "held-out", UNLABELLED)
    out = arrays["calibration"][EVERY - 1 :: EVERY]
    assert np.array_equal(found.inputs[0], out)
    kept = [row for at, row in enumerate(arrays["calibration"]) if at % EVERY != EVERY - 1]
    assert np.array_equal(found.calibration[0], kept)
    assert not found.written.labelled


@pytest.mark.parametrize("count", [0, EVERY - 1])
def test_too_few_to_hold_any_out_is_refused(tmp_path: Path, count: int) -> None:
    arrays = data(calibration=np.zeros((count, 2), np.float32))
    if not count:
        del arrays["calibration"]
    with pytest.raises(DatasetError, match="nothing can be held out"):
        laid(tmp_path, arrays, "held-out", UNLABELLED)
