"""Conversions between integers and floats, which compute nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, listed
from edgerig.figures import numbers
from edgerig.results import CellResult, OperatorProfile, Profile

LEAST = 0.1
"""Of the inference: less explains nothing."""
KIND = "conversion"
_UNSIGNED, _FULL = "int8-static-unsigned", "int8-full"
_PAIRS = re.compile(r"(?i)^(de)?quantize_?linear")


def unfused(evidence: Evidence) -> Reason | None:
    """ONNX Runtime computes in integers what stands between DequantizeLinear and QuantizeLinear where it has a kernel
    for it; else the pairs stay, and the operator between them is a float one. Those before the first operator that
    computes and behind the last are the network's borders."""
    return _reason(
        evidence,
        _pairs,
        "unfused",
        "QuantizeLinear/DequantizeLinear pairs were not fused",
        {
            "leave the operators between them in float (`float_layers`)": evidence.has_option("float_layers"),
            _UNSIGNED: evidence.offers(_UNSIGNED),
        },
    )


def conversions(evidence: Evidence) -> Reason | None:
    return _reason(
        evidence,
        _others,
        "conversions",
        "conversions between types or layouts",
        {
            f"int8 inputs and outputs ({_FULL})": evidence.in_integers and evidence.offers(_FULL),
            "fewer layers left in float between integer ones": evidence.has_option("float_layers"),
        },
    )


def between_computing(profile: Profile) -> list[OperatorProfile]:
    """What stands behind the first operator that computes and before the last: no border of the network."""
    computing = [each.index for each in profile.operators if each.kind not in (KIND, "movement")]
    if not computing:
        return []
    return [each for each in profile.operators if computing[0] < each.index < computing[-1]]


def _pairs(cell: CellResult) -> list[OperatorProfile]:
    """Of ONNX Runtime, with an operator that computes before and behind them."""
    if cell.format != "onnx":
        return []
    return [each for each in between_computing(cell.profile) if _PAIRS.match(each.name)]


def _others(cell: CellResult) -> list[OperatorProfile]:
    pairs = {each.index for each in _pairs(cell)}
    return [each for each in cell.profile.operators if each.kind == KIND and each.index not in pairs]


def _reason(
    evidence: Evidence,
    finding: Callable[[CellResult], list[OperatorProfile]],
    cause: str,
    what: str,
    attempts: Mapping[str, bool],
) -> Reason | None:
    """`attempts`: what to try, and whether there is that for the cell."""
    found = finding(evidence.cell)
    if evidence.both_profiled and evidence.twin is not None:
        ours, theirs = (sum(each.value for each in finding(cell)) for cell in (evidence.cell, evidence.twin))
        if evidence.gained(ours, theirs):
            return None
    share = sum(each.share for each in found)
    if share < LEAST:
        return None
    attempt = ", or ".join(each for each, given in attempts.items() if given)
    count = numbers.counted(len(found), "operator")
    return Reason(cause, f"{what} ({count}) take {numbers.percent(share)}: {listed(found)}", attempt, share)
