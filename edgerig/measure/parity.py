"""Outputs against the source model's and against the fp32 variant's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgerig.measure.error import Outputs, alike, compare, least_agreement, top_agreement, worst
from edgerig.results import Parity


def parity(
    names: Sequence[str],
    outputs: Outputs,
    reference: Outputs | None,
    no_reference: str,
    fp32: Outputs | None,
    no_fp32: str,
) -> Parity:
    """Against the source model's outputs and the fp32 variant's; each missing one gives its reason."""
    found: dict[str, Any] = {"samples": len(outputs[0])}
    if reference is not None:
        names, outputs, reference = alike(names, outputs, reference)
    if reference is None:
        found["reason"] = no_reference
    elif len(outputs) != len(reference):
        found["reason"] = f"the file gives {len(outputs)} outputs, its source {len(reference)}"
    else:
        found |= _against(names, outputs, reference)
    if fp32 is None:
        found["disagreement_reason"] = no_fp32
    else:
        found |= _disagreement(outputs, fp32)
    return Parity(**found)


def _against(names: Sequence[str], outputs: Outputs, reference: Outputs) -> dict[str, Any]:
    each = compare(names, outputs, reference)
    furthest = worst(each)
    several = len(each) > 1
    reasons = [f"{output.name}: {output.reason}" if several else output.reason for output in each if output.reason]
    if furthest is None and not reasons:
        reasons = ["no output is real-valued: they are compared by agreement"]
    return {
        "outputs": each,
        "worst": None if furthest is None else furthest.name,
        # An output that cannot be compared is no better than the one furthest off: no figure, but the reason.
        "relative_error": None if furthest is None or any(o.reason for o in each) else furthest.relative_error,
        "max_abs_error": None if furthest is None else furthest.max_abs_error,
        "agreement": least_agreement(each),
        "reason": "; ".join(reasons),
    }


def _disagreement(outputs: Outputs, fp32: Outputs) -> dict[str, Any]:
    same = [top_agreement(ours, theirs) for ours, theirs in zip(outputs, fp32, strict=False)]
    known = [share for share in same if share is not None]
    if not known:
        return {"disagreement_reason": "disagreement needs an output of (N, classes) in both variants"}
    return {"disagreement": 1.0 - min(known)}
