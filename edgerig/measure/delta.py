"""What a variant's accuracy lost against its fp32 variant, on the very same samples."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from edgerig.measure.distributions import Z95
from edgerig.measure.error import Outputs
from edgerig.results import Accuracy


def with_delta(
    accuracy: Accuracy, outputs: Outputs, fp32: Outputs | None, labels: npt.NDArray[Any] | None, no_fp32: str
) -> Accuracy:
    """`accuracy` with its `delta…` fields: the share right of `outputs` less that of `fp32`, or why there is none.

    Only samples on which exactly one of the two is right tell them apart, so the interval is that of paired
    proportions. The first output of both is (N, C) scores; `labels` are at least N.
    """
    if accuracy.metric != "top1" or accuracy.value is None or labels is None:
        reason = "no top-1 accuracy" if accuracy.value is None else f"{accuracy.metric} is not counted by sample"
        return accuracy.model_copy(update={"delta_reason": reason})
    if fp32 is None:
        return accuracy.model_copy(update={"delta_reason": no_fp32})
    ours, theirs = outputs[0], fp32[0]
    if ours.ndim != 2 or ours.shape != theirs.shape or len(ours) > len(labels):
        reason = f"outputs of shape {ours.shape} cannot be held against fp32's {theirs.shape}"
        return accuracy.model_copy(update={"delta_reason": reason})
    expected = labels[: len(ours)]
    right, right_fp32 = ours.argmax(axis=1) == expected, theirs.argmax(axis=1) == expected
    gained, lost = int((right & ~right_fp32).sum()), int((~right & right_fp32).sum())
    interval = paired_interval(gained, lost, len(ours))
    return accuracy.model_copy(update={"delta": (gained - lost) / len(ours), "delta_ci95": interval})


def paired_interval(gained: int, lost: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two paired proportions.

    `gained` and `lost` count the samples only one of the two has right. The adjusted Wald interval: one sample is
    added to each (Bonett & Price, J. Educational and Behavioral Statistics 37(4), 2012). It is the one interval of a
    change of accuracy here because quantization loses samples and gains hardly any: with a loss of 0.4 or 1 % of 540
    samples and no gain it holds the truth in 100 and 97 % of runs, Agresti and Min's (half a sample added, Statistics
    in Medicine 24, 2005) in 88.5 and 90 %, by the exact distribution (`tests/unit/measure/test_delta.py`).
    """
    size = samples + 2
    plus, minus = (gained + 1) / size, (lost + 1) / size
    centre = plus - minus
    half = Z95 * math.sqrt((plus + minus - centre**2) / size)
    return max(-1.0, centre - half), min(1.0, centre + half)
