"""Outputs against labels, against the source model, and against the fp32 variant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from edgerig.measure.error import Outputs, relative_error
from edgerig.results import Accuracy, Parity


def top1(outputs: Outputs, labels: npt.NDArray[np.int64]) -> Accuracy:
    """Share of samples whose largest score is the label's, with Wilson's 95 % interval.

    `outputs[0]` is (N, C), `labels` (N,). (Wilson, J. American Statistical Association 22, 1927.)
    """
    if len(outputs) != 1 or outputs[0].ndim != 2:
        shapes = [array.shape for array in outputs]
        return Accuracy(reason=f"top-1 needs one output of (N, classes), the file gives {shapes}")
    if len(outputs[0]) != len(labels):
        return Accuracy(reason=f"the device gave {len(outputs[0])} outputs for {len(labels)} labels")
    if not np.isfinite(outputs[0]).all():
        return Accuracy(reason="the outputs hold NaN or infinite values")
    correct = int((outputs[0].argmax(axis=1) == labels).sum())
    interval = stats.binomtest(correct, len(labels)).proportion_ci(0.95, method="wilson")
    return Accuracy(
        metric="top1",
        value=correct / len(labels),
        ci95=(float(interval.low), float(interval.high)),
        samples=len(labels),
    )


def parity(
    outputs: Outputs, reference: Outputs | None, no_reference: str, fp32: Outputs | None, no_fp32: str
) -> Parity:
    """Against the source model's outputs and the fp32 variant's; each missing one gives its reason."""
    found: dict[str, Any] = {"samples": len(outputs[0])}
    if reference is None:
        found["reason"] = no_reference
    elif [a.shape for a in outputs] != [a.shape for a in reference]:
        found["reason"] = (
            f"outputs have shapes {[a.shape for a in outputs]}, the source's {[a.shape for a in reference]}"
        )
    elif not all(np.isfinite(a).all() for a in outputs):
        found["reason"] = "the outputs hold NaN or infinite values"
    else:
        relative, found["max_abs_error"] = relative_error(outputs, reference)
        if math.isfinite(relative):
            found["relative_error"] = relative
        else:
            found["reason"] = "the source's outputs are all zero: there is nothing to be relative to"
    if fp32 is None:
        found["disagreement_reason"] = no_fp32
    elif len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape != fp32[0].shape:
        found["disagreement_reason"] = "disagreement needs one output of (N, classes) in both variants"
    else:
        found["disagreement"] = float((outputs[0].argmax(axis=1) != fp32[0].argmax(axis=1)).mean())
    return Parity(**found)
