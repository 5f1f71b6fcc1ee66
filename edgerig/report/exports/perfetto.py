"""The profiles of a run as Chrome's trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

A process a cell, with the operators of one inference behind one another, each as long as its median; "Trace Event
Format" (Google, 2016) says what the fields are. Time is in microseconds there; an instruction is drawn as a nanosecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgerig.confined import Confined
from edgerig.report.exports import Export, figures
from edgerig.report.files import replace_file
from edgerig.results import CellResult, OperatorProfile, Profile, Results

THREAD = 1
INSTRUCTIONS = "one nanosecond stands for one instruction"


def write(results: Results, run: Path, out: Confined) -> Export:
    """Cells without a profile are left out, with its reason."""
    ran = [cell for cell in results.cells if cell.status == "ok"]
    having = [cell for cell in ran if cell.profile.operators]
    document = {
        "displayTimeUnit": "ns",
        "otherData": {"run": results.run.id, "edgerig": results.environment.edgerig},
        "traceEvents": [event for number, cell in enumerate(having, 1) for event in _events(number, cell)],
    }
    content = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    without = tuple((cell.id, f"no profile: {cell.profile.reason}") for cell in ran if not cell.profile.operators)
    return Export((str(replace_file(out, content)),), (*figures.not_run(results), *without))


def _events(process: int, cell: CellResult) -> Iterator[dict[str, Any]]:
    found = cell.profile
    counted = found.unit == "instructions"
    yield _named("process_name", process, f"{cell.id} ({INSTRUCTIONS})" if counted else cell.id)
    yield _named("thread_name", process, f"one inference, median of {found.runs} profiled")
    begun = 0.0
    for operator in found.operators:
        length = _length(operator, found)
        yield _span(process, operator.name, operator.kind, begun, length, _facts(operator))
        begun += length
    for name, length in found.uncovered:
        yield _span(process, name, "outside", begun, length, {})
        begun += length


def _length(operator: OperatorProfile, found: Profile) -> float:
    """Where profiling inflates the values, their share of the inference that was left alone."""
    return operator.share * (found.whole or 0.0) if found.shares_only else operator.value


def _facts(operator: OperatorProfile) -> dict[str, Any]:
    known = {
        "layer": operator.layer or None,
        "runner": operator.runner,
        "partition": operator.partition,
        "share": operator.share,
        "spread": operator.spread,
        "calls": operator.calls,
    }
    return {name: value for name, value in known.items() if value is not None}


def _span(process: int, name: str, kind: str, begun: float, length: float, facts: dict[str, Any]) -> dict[str, Any]:
    """A complete event ("X")."""
    where = {"pid": process, "tid": THREAD, "ts": begun / 1000, "dur": length / 1000}
    return {"ph": "X", "name": name, "cat": kind, **where, "args": facts}


def _named(what: str, process: int, name: str) -> dict[str, Any]:
    """A metadata event ("M")."""
    return {"ph": "M", "name": what, "pid": process, "tid": THREAD, "args": {"name": name}}
