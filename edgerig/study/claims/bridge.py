"""ONNX as a bridge: does a network arrive as it left?"""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.build.check import FLOAT_ERROR
from edgerig.figures import metric, numbers
from edgerig.study.cells import FRAMEWORKS, OF_TENSORFLOW, OF_TORCH, SOURCES
from edgerig.study.finding import Claim, Evidence, Figure, Judged, unheard
from edgerig.study.seen import Seen, not_run
from edgerig.study.source import SURVEY


def judge(seen: Sequence[Seen]) -> Judged:
    """Every float cell that went into ONNX, or came out of an ONNX file into another runtime's format. What a device
    refused or lost says nothing of it."""
    found = [
        _arrived(each)
        for each in seen
        if each.cell.recipe == "fp32" and not each.by_device and _crosses(each.cell.source, each.cell.format)
    ]
    sides = unheard(found, "bridge", {f"{source} → onnx": name for name, source, _ in FRAMEWORKS})
    return Judged(tuple(found), tuple(filter(None, (not_run(seen, each, "onnx") for each in SOURCES))), unheard=sides)


def _crosses(source: str, format_name: str) -> bool:
    own = (*OF_TORCH, *OF_TENSORFLOW)
    return source != format_name and "onnx" in (source, format_name) and format_name not in own


def _arrived(seen: Seen) -> Evidence:
    cell, error = seen.cell, seen.cell.parity.relative_error
    axes = {
        "bridge": f"{cell.source} → {cell.format}",
        "network": seen.network,
        "input": seen.input,
        "device": cell.device,
    }
    if not seen.ran:
        told, why = seen.of_route, seen.came_to
        return Evidence(axes, (Figure(seen, why),), "it does not arrive" if told else "nobody knows whether it arrives",
                        False if told else None, "" if told else why)  # fmt: skip
    if error is None:
        reason = cell.parity.reason or "its outputs were not compared"
        return Evidence(axes, (Figure(seen, "runs"),), "not compared with its source", None, reason)
    accuracy = f", {metric.with_name(cell.accuracy)}" if cell.accuracy.value is not None else ""
    figure = Figure(seen, f"relative error {numbers.significant(error, 2)}{accuracy}")
    return Evidence(axes, (figure,), "arrives" if error <= FLOAT_ERROR else "arrives changed", error <= FLOAT_ERROR)


CLAIM = Claim(
    key="onnx-bridge",
    says="ONNX carries a network from either framework into another runtime",
    source=f"{SURVEY}, on ONNX and interoperability",
    tested="Every float32 cell that was exported to ONNX, or built from an ONNX file: it runs, and its outputs are "
    f"those of its source to a relative error of {FLOAT_ERROR:g}. What a device refused, or failed at, is left out; "
    "a deadline, a process that was killed and a fault of this tool are told neither way",
    judge=judge,
)
