"""What of the evaluation data lies beyond the calibrated range, and tensors without values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerig import npy
from edgerig.build.coverage import outside_share
from edgerig.build.source import Arrays, SourceModel
from edgerig.spec import ModelSpec, TensorSpec


def source(outputs: np.ndarray) -> SourceModel:
    spec = ModelSpec(
        name="net",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="x", shape=(1, 2)),),
        outputs=(TensorSpec(name="boxes", shape=(-1, 4)),),
    )

    def infer(arrays: Arrays) -> Arrays:
        return [outputs[: len(arrays[0])]]

    return SourceModel(spec, None, infer)


def share(folder: Path, calibration: list[list[float]], inputs: list[list[float]], *boxes: np.ndarray) -> float | None:
    """`boxes`: the source's outputs on the calibration data, and on the evaluation data."""
    data, reference = folder / "data", folder / "reference"
    for each in (data, reference):
        each.mkdir()
    npy.write(data / "calibration_0.npy", np.array(calibration, np.float32))
    npy.write(data / "input_0.npy", np.array(inputs, np.float32))
    npy.write(reference / "output_0.npy", boxes[1])
    return outside_share(source(boxes[0]), data, reference)


def test_samples_with_a_value_beyond_the_range_are_counted(tmp_path: Path) -> None:
    boxes = np.ones((2, 1, 4), np.float32)
    assert share(tmp_path, [[0, 1], [1, 0]], [[0.5, 1.05], [3, 0]], boxes, boxes) == pytest.approx(0.5)


def test_outputs_without_values_are_beyond_nothing(tmp_path: Path) -> None:
    none = np.ones((2, 0, 4), np.float32)
    assert share(tmp_path, [[0, 1], [1, 0]], [[0, 1], [3, 0]], none, none) == pytest.approx(0.5)


def test_values_where_calibration_gave_none_are_beyond_its_range(tmp_path: Path) -> None:
    none, some = np.ones((2, 0, 4), np.float32), np.ones((2, 3, 4), np.float32)
    assert share(tmp_path, [[0, 1], [1, 0]], [[0, 1], [0, 1]], none, some) == 1.0
