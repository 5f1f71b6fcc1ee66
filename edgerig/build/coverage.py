"""How much of the evaluation data lies beyond what calibration has seen.

A calibrated recipe clips activations to the range they had on the calibration data. What the evaluation data does to a
quantized file beyond that is no fault of the file, the recipe or the device, so it is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.source import Arrays, SourceModel
from edgerig.npy import read_lengths, read_pieces, samples_a_piece, stems

MARGIN = 0.1
"""A value counts as outside when it is further beyond the calibrated range than this share of the range's width: the
largest of many values is a little beyond the largest of fewer, and costs nothing."""
NOTHING = (float("inf"), float("-inf"))
"""The range of an array without values, such as boxes of samples with none."""
Flags = npt.NDArray[np.bool_]


def outside_share(source: SourceModel, data: Path, reference: Path) -> float | None:
    """The share of evaluation samples with a value, in any input or output of the source, beyond its calibrated range;
    None where the data has no calibration split.

    `data` holds `input_<i>.npy` and `calibration_<i>.npy`, `reference` the source's outputs on the former.
    """
    calibration = stems(data, "calibration")
    if not calibration:
        return None
    step = min(samples_a_piece(tensor.shape, tensor.dtype) for tensor in source.outside.inputs)
    source.restart(read_lengths(data, "calibration"))
    ranges: list[tuple[float, float]] = []
    for inputs in zip(*(read_pieces(path, step) for path in calibration), strict=True):
        ranges = _widened(ranges, [*inputs, *source.infer(list(inputs))])
    if not ranges:
        return None
    tensors = [*stems(data, "input"), *stems(reference, "output")]
    flags = [_outside(read_pieces(path, step), *bounds) for path, bounds in zip(tensors, ranges, strict=True)]
    return float(np.logical_or.reduce(flags).mean())


def _widened(ranges: list[tuple[float, float]], arrays: Arrays) -> list[tuple[float, float]]:
    found = [(float(array.min()), float(array.max())) if array.size else NOTHING for array in arrays]
    if not ranges:
        return found
    return [(min(a, low), max(b, high)) for (a, b), (low, high) in zip(ranges, found, strict=True)]


def _outside(pieces: Iterable[npt.NDArray[Any]], low: float, high: float) -> Flags:
    slack = MARGIN * (high - low) if high >= low else 0.0
    flags = []
    for piece in pieces:
        if not piece.size:
            flags.append(np.zeros(len(piece), np.bool_))
            continue
        flat = piece.reshape(len(piece), -1)
        flags.append((flat.min(axis=1) < low - slack) | (flat.max(axis=1) > high + slack))
    return np.concatenate(flags)
