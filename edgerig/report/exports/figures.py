"""The figures of a cell that tools of metrics take: name with unit → value. What was not measured is not there."""

from __future__ import annotations

from edgerig import figures
from edgerig.figures import metric
from edgerig.figures.field import Field
from edgerig.report.run import csv_results
from edgerig.results import CellResult, Results

EMULATED = "times of an emulator, which say nothing of the device"


def _is_time(field: Field) -> bool:
    """Would an emulator's clock have to tell it? It cannot."""
    return field.figure and field.name.endswith("_ms")


def of(cell: CellResult) -> dict[str, float]:
    """An emulated cell has no times: the tools they would go to rank by them."""
    columns = [field for field in csv_results.columns([cell]) if field.figure]
    found = {field.name: field.get(cell) for field in columns if not (cell.emulated and _is_time(field))}
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
        figure.key: figure.reason(cell)
        for figure in figures.every()
        if figure.shown != "sometimes" and not figure.time and figure.value(cell) is None
    }
    reasons |= {name: found.reason for name, found in metric.others(cell).items()}
    reasons["times"] = EMULATED if cell.emulated else ""
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
