"""Weights as a quantized file holds them, beside what they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.layers import Weights


def dequantized(
    stored: npt.NDArray[Any], scales: npt.NDArray[Any], zeros: npt.NDArray[Any], axis: int
) -> Weights | None:
    """`stored` as real numbers, (stored - zero) × scale, with `scales` one or one per channel of `axis`; a `Weights`
    whose `float` is still missing. None where the scales are of another form (blocks)."""
    shape = [1] * stored.ndim
    if scales.size != 1:
        if not stored.ndim or scales.shape != (stored.shape[axis],):
            return None
        shape[axis] = -1
    steps = scales.astype(np.float64).reshape(shape)
    # One scale may be an array of no axes (ONNX), and its zero one of one.
    offsets = np.broadcast_to(zeros.astype(np.float64).reshape(-1), scales.reshape(-1).shape) if zeros.size else None
    real = (stored.astype(np.float64) - (0.0 if offsets is None else offsets.reshape(shape))) * steps
    return Weights(real, real, steps)
