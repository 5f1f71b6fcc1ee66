"""Which cells are worth looking into: those somebody will ask about. Pure.

A quantized cell slower than its float twin, and that twin, to lay it beside; a cell some of whose operators the
delegate left to the runtime's own kernels; and what is recommended.
"""

from __future__ import annotations

from edgerig.decide.budget import budget_of
from edgerig.decide.decision import SAME_TIME, decisions
from edgerig.results import CellResult, Results

FLOAT = "fp32"


def worth_profiling(results: Results) -> set[str]:
    """Ids of cells. Raises ResultsError where the run's budget is none."""
    ran = [cell for cell in results.cells if cell.status == "ok"]
    twins = {_without_recipe(cell): cell for cell in ran if cell.recipe == FLOAT}
    found: set[str] = set()
    for cell in ran:
        twin = twins.get(_without_recipe(cell))
        if twin is not None and cell.recipe != FLOAT and _slower(cell, twin):
            found |= {cell.id, twin.id}
        if cell.delegation.delegated is not None and cell.delegation.delegated < (cell.delegation.total or 0):
            found.add(cell.id)
    found |= {each.pick.id for each in decisions(results, budget_of(results)) if each.pick is not None}
    return found


def _without_recipe(cell: CellResult) -> tuple[object, ...]:
    """What a cell and its float twin have in common."""
    place = (cell.device, cell.threads, cell.accelerator, cell.processors, tuple(sorted(cell.engine_options.items())))
    return (cell.model, cell.source, cell.format, *place)


def _slower(cell: CellResult, twin: CellResult) -> bool:
    """By more than two medians that are as fast may differ; on an emulator by instructions, where they are counted."""
    ours, theirs = _cost(cell), _cost(twin)
    return ours is not None and theirs is not None and ours > theirs * (1 + SAME_TIME)


def _cost(cell: CellResult) -> float | None:
    if cell.emulated:
        return cell.cost.instructions
    return None if cell.latency is None else cell.latency.p50_ms
