"""How far one set of outputs is from another: the same figure at build time and in a report. Imports numpy only."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Outputs = list[npt.NDArray[np.float32]]
"""One (N, …) array an output tensor."""


def relative_error(outputs: Outputs, reference: Outputs) -> tuple[float, float]:
    """(||outputs - reference|| / ||reference||, max |outputs - reference|) over all elements, in float64.

    The norm is the 2-norm. Shapes must match. Against an all-zero reference the relative error is 0 when nothing
    differs, else infinite.
    """
    squares = norm = largest = 0.0
    for ours, theirs in zip(outputs, reference, strict=True):
        expected = theirs.astype(np.float64)
        difference = ours.astype(np.float64) - expected
        squares += float(np.sum(difference**2))
        norm += float(np.sum(expected**2))
        largest = max(largest, float(np.max(np.abs(difference), initial=0.0)))
    if norm == 0.0:
        return (0.0 if squares == 0.0 else math.inf), largest
    return math.sqrt(squares / norm), largest
