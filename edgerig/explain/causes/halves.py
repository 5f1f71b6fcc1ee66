"""16-bit weights that are computed with in 32 bits."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason
from edgerig.figures import numbers

_HALF_KERNELS = ("f16", "fp16", "half", "hswish f16")


def in_float(evidence: Evidence) -> Reason | None:
    """By the file's constants, and by operators none of which is named after halves, as XNNPACK's are (`F16`)."""
    cell, twin = evidence.cell, evidence.twin
    if cell.recipe != "fp16" or cell.build is None or not cell.build.constants.get("float16"):
        return None
    operators = evidence.profile.operators
    if not operators or any(word in each.name.lower() for each in operators for word in _HALF_KERNELS):
        return None
    smaller = ""
    if twin is not None and twin.size_bytes and cell.size_bytes:
        smaller = f": the file is {numbers.percent(1 - cell.size_bytes / twin.size_bytes)} smaller, the work the same"
    half = numbers.kilobytes(cell.build.constants["float16"])
    text = (
        f"{half} of weights are stored in 16 bits and computed with in 32 ({len(operators)} operators, none in float16)"
    )
    return Reason("halves", text + smaller, "a processor with float16 arithmetic, or fp16 for its size alone")
