"""ONNX as a bridge: does a network arrive as it left?"""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.build.check import FLOAT_ERROR
from edgerig.figures import metric, numbers
from edgerig.study.finding import Claim, Evidence, Figure, Judged
from edgerig.study.seen import Seen, not_run
from edgerig.study.source import SURVEY


def judge(seen: Sequence[Seen]) -> Judged:
    """Every float cell that went into ONNX, or came out of an ONNX file into another format."""
    found = [
        _arrived(each) for each in seen if each.cell.recipe == "fp32" and "onnx" in (each.cell.source, each.cell.format)
    ]
    return Judged(tuple(found), tuple(filter(None, (not_run(seen, source, "onnx") for source in ("torch", "keras")))))


def _arrived(seen: Seen) -> Evidence:
    cell, error = seen.cell, seen.cell.parity.relative_error
    axes = {
        "bridge": f"{cell.source} → {cell.format}",
        "network": seen.network,
        "input": seen.input,
        "device": cell.device,
    }
    if not seen.ran:
        why = cell.status if cell.error is None else f"{cell.status}, {cell.error.message}"
        failed = cell.status in ("failed", "unsupported") or cell.status == "ok"
        return Evidence(axes, (Figure(seen, why),), "it does not arrive" if failed else "it did not run",
                        False if failed else None, "" if failed else why)  # fmt: skip
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
    f"those of its source to a relative error of {FLOAT_ERROR:g}",
    judge=judge,
)
