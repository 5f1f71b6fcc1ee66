"""The figures of a cell that tools of metrics take: name with unit → value. What was not measured is not there."""

from __future__ import annotations

from edgerig.report import csv_results, metric
from edgerig.report.fields import FIELDS
from edgerig.results import CellResult, Results

TIMES = frozenset(field.name for field in FIELDS if field.figure and field.name.endswith("_ms"))
"""What an emulator's clock would have to tell, and cannot."""

EMULATED = "times of an emulator, which say nothing of the device"


def of(cell: CellResult) -> dict[str, float]:
    """An emulated cell has no times: the tools they would go to rank by them."""
    told = [field for field in csv_results.columns([cell]) if field.figure]
    found = {field.name: field.get(cell) for field in told if not (cell.emulated and field.name in TIMES)}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def facts(cell: CellResult) -> dict[str, str | int | bool]:
    """What a tool may group by."""
    return {
        "id": cell.id,
        "model": cell.model,
        "source": cell.source,
        "format": cell.format,
        "recipe": cell.recipe,
        "device": cell.device,
        "threads": cell.threads,
        "emulated": cell.emulated,
        "verdict": cell.verdict.label if cell.verdict else "none",
        "engine": f"{cell.engine.name} {cell.engine.version}" if cell.engine else "none",
    }


def absent(cell: CellResult) -> list[str]:
    """Why figures of a cell that ran are missing, a line each."""
    reasons = {
        "memory": cell.memory.reason,
        "accuracy": cell.accuracy.reason,
        **{name: found.reason for name, found in metric.others(cell).items()},
        "parity": cell.parity.reason,
        "disagreement": cell.parity.disagreement_reason,
        "delegation": cell.delegation.reason,
        "instructions": cell.cost.reason,
        "times": EMULATED if cell.emulated else "",
    }
    return [f"{name}: {reason}" for name, reason in reasons.items() if reason]


def left_out(results: Results) -> tuple[tuple[str, str], ...]:
    """Every cell without any figure, and every figure a cell lacks: the cell's id and why."""
    return (*not_run(results), *((c.id, reason) for c in results.cells if c.status == "ok" for reason in absent(c)))


def not_run(results: Results) -> list[tuple[str, str]]:
    """Cells without any figure: id and why."""
    said = (
        (cell, cell.error.message.splitlines()[0] if cell.error else "no reason was recorded") for cell in results.cells
    )
    return [(cell.id, f"{cell.status}: {reason}") for cell, reason in said if cell.status != "ok"]
