"""16-bit weights that are computed with in 32 bits."""

from __future__ import annotations

from edgerig.explain.causes.borders import between_computing
from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason
from edgerig.figures import numbers
from edgerig.measure.operator_layers import COMPUTING
from edgerig.results import CellResult, Profile

_HALF_KERNELS = ("f16", "fp16", "half")
_ATTEMPT = "a processor with float16 arithmetic, or fp16 for its size alone"


def in_float(evidence: Evidence) -> Reason | None:
    """By the file's constants, and by what the runtime tells of its operators' types."""
    cell, twin = evidence.cell, evidence.twin
    if evidence.recipe_kind != "fp16" or cell.build is None or not cell.build.constants.get("float16"):
        return None
    found = _by_casts(cell, twin) if cell.format == "onnx" else _by_names(cell.profile)
    if not found:
        return None
    smaller = ""
    if twin is not None and twin.size_bytes and cell.size_bytes:
        smaller = f": the file is {numbers.percent(1 - cell.size_bytes / twin.size_bytes)} smaller"
    half = numbers.kilobytes(cell.build.constants["float16"])
    return Reason("halves", f"{half} of weights are stored in 16 bits and {found}{smaller}", _ATTEMPT)


def _by_names(profile: Profile) -> str:
    """XNNPACK's name types (`F16`, `F32`); the runtimes' own kernels' do not, and nothing is said where one of those
    computes with weights."""
    computing = [each for each in profile.operators if each.kind in COMPUTING]
    if not computing or any(each.runner != "xnnpack" for each in computing):
        return ""
    named = [each for each in profile.operators if each.runner == "xnnpack"]
    if any(word in each.name.lower() for each in named for word in _HALF_KERNELS):
        return ""
    return f"computed with in 32 ({numbers.counted(len(named), 'operator')} of XNNPACK, none in float16)"


def _by_casts(cell: CellResult, twin: CellResult | None) -> str:
    """ONNX Runtime's names have no types, but it casts to 32 bits and back around what it has no float16 kernel for.
    Those that the network has itself its float twin has as well."""
    if twin is None or not twin.profile.operators:
        return ""
    ours, theirs = (
        sum(each.name == "Cast" for each in between_computing(each_cell.profile)) for each_cell in (cell, twin)
    )
    if ours <= theirs:
        return ""
    return (
        f"computed with in 32 at least in part: {numbers.counted(ours, 'Cast')} between the operators that compute, "
        f"{theirs or 'none'} in fp32"
    )
