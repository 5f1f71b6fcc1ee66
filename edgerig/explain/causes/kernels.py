"""Operators that the runtime's delegate (XNNPACK) does not take, and its own kernels compute."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence, left
from edgerig.explain.reason import AGAINST_FLOAT, NAMED, Reason, listed
from edgerig.figures import numbers
from edgerig.results import CellResult, Profile

LEAST = 0.05
"""Of the inference: less explains nothing."""
_WHOSE = {"tflite": "LiteRT's own kernels", "executorch": "ExecuTorch's portable kernels"}
_DYNAMIC = "int8-static, whose convolutions and products XNNPACK takes"
_STATIC = "int8-dynamic, which leaves activations and all operators without weights in float"
_FLOAT = "write them with operators that XNNPACK has"


def no_delegate(evidence: Evidence) -> Reason | None:
    """Of a float twin that has none either it explains nothing."""
    cell, twin = evidence.cell, evidence.twin
    if not undelegated(cell) or (evidence.kind in AGAINST_FLOAT and twin is not None and undelegated(twin)):
        return None
    whose = _WHOSE[cell.format]
    switched = any(name == "xnnpack" and value is False for name, value in cell.engine_options.items())
    why = "XNNPACK is switched off (xnnpack=false)" if switched else "XNNPACK took no operator"
    return Reason("no delegate", f"{why}: all of it runs on {whose}", "leave XNNPACK on" if switched else _FLOAT, 1.0)


def undelegated(cell: CellResult) -> bool:
    """Has a runtime with a delegate given it none of the graph, as it tells itself or as the profile shows?"""
    untaken = bool(cell.profile.operators) and cell.profile.partitions is None
    return cell.format in _WHOSE and (untaken or cell.delegation.delegated == 0)


def beside_the_delegate(evidence: Evidence) -> Reason | None:
    """Where a runtime has a delegate. Of a twin that leaves as much to its own kernels it explains nothing."""
    cell = evidence.cell
    whose = _WHOSE.get(cell.format)
    if whose is None or cell.delegation.delegated == 0:
        return None
    if evidence.profile.operators:
        return _profiled(evidence, whose)
    names = cell.delegation.undelegated
    if not names or _as_many_in_float(evidence):
        return None
    text = (
        f"{numbers.counted(left(cell), 'operator')} of {cell.delegation.total or 'all'} run on {whose} "
        f"({', '.join(names[:NAMED])}); their share is not known"
    )
    return Reason("fallback", text, f"edgerig profile {cell.id}")


def _profiled(evidence: Evidence, whose: str) -> Reason | None:
    beside, twin = evidence.profile.fallbacks, evidence.twin
    share = sum(each.share for each in beside)
    if share < LEAST:
        return None
    if evidence.both_profiled and twin is not None and _value(evidence.profile) <= _value(twin.profile) * 1.05:
        return None
    if twin is not None and not twin.profile.operators and left(twin) and _as_many_in_float(evidence):
        return None
    text = f"{numbers.counted(len(beside), 'operator')} on {whose} take {numbers.percent(share)}: {listed(beside)}"
    if evidence.both_profiled and twin is not None:
        in_float = sum(each.share for each in twin.profile.fallbacks)
        text += (
            f"; in fp32 they take {numbers.percent(in_float)}" if in_float else "; in fp32 the delegate takes them all"
        )
    return Reason("fallback", text, _attempt(evidence), share)


def _as_many_in_float(evidence: Evidence) -> bool:
    """Does the float twin's delegate, as far as is told without a profile, leave as much to the runtime?"""
    return evidence.twin is not None and left(evidence.twin) >= left(evidence.cell)


def _attempt(evidence: Evidence) -> str:
    if not evidence.recipe_kind.startswith("int"):
        return _FLOAT
    return _DYNAMIC if evidence.recipe_kind == "int8-dynamic" else _STATIC


def _value(profile: Profile) -> float:
    return sum(each.value for each in profile.fallbacks)
