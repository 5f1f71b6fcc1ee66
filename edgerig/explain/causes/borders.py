"""Conversions between integers and floats, which compute nothing."""

from __future__ import annotations

import re

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, listed
from edgerig.figures import numbers
from edgerig.results import OperatorProfile

LEAST = 0.1
"""Of the inference: less explains nothing."""
_PAIRS = re.compile(r"(?i)^(de)?quantize_?linear")


def unfused(evidence: Evidence) -> Reason | None:
    """ONNX Runtime computes in integers what stands between DequantizeLinear and QuantizeLinear where it has a kernel
    for it; else the pairs stay, and the operator between them is a float one."""
    pairs = [each for each in _conversions(evidence) if _PAIRS.match(each.name)]
    if evidence.cell.format != "onnx" or not pairs:
        return None
    return _reason(
        evidence,
        pairs,
        "unfused",
        "QuantizeLinear/DequantizeLinear pairs were not fused",
        "leave the operators between them in float (`op_types` of the recipe), or int8-static-unsigned",
    )


def conversions(evidence: Evidence) -> Reason | None:
    found = [each for each in _conversions(evidence) if not _PAIRS.match(each.name)]
    return _reason(
        evidence,
        found,
        "conversions",
        "conversions between types or layouts",
        "int8 inputs and outputs (int8-full), or fewer layers left in float between integer ones",
    )


def _conversions(evidence: Evidence) -> list[OperatorProfile]:
    return [each for each in evidence.profile.operators if each.kind == "conversion"]


def _reason(evidence: Evidence, found: list[OperatorProfile], cause: str, what: str, attempt: str) -> Reason | None:
    share = sum(each.share for each in found)
    if share < LEAST:
        return None
    count = numbers.counted(len(found), "operator")
    return Reason(cause, f"{what} ({count}) take {numbers.percent(share)}: {listed(found)}", attempt, share)
