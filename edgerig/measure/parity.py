"""Outputs against the source model's and against the fp32 variant's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgerig.measure.error import Outputs, relative_error
from edgerig.results import Parity


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
    elif not all(np.isfinite(a).all() for a in reference):
        found["reason"] = "the source's own outputs hold NaN or infinite values"
    else:
        relative, found["max_abs_error"] = relative_error(outputs, reference)
        if math.isfinite(relative):
            found["relative_error"] = relative
        else:
            found["reason"] = "the source's outputs are all zero: there is nothing to be relative to"
    if fp32 is None:
        found["disagreement_reason"] = no_fp32
    elif len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape != fp32[0].shape or outputs[0].shape[1] < 2:
        found["disagreement_reason"] = "disagreement needs one output of (N, classes) in both variants"
    else:
        found["disagreement"] = float((outputs[0].argmax(axis=1) != fp32[0].argmax(axis=1)).mean())
    return Parity(**found)
