"""The same model from several sources, side by side: "TensorFlow or PyTorch for this device?". Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.decide.decision import Decision, compared, decide
from edgerig.decide.rules import Reference, timed
from edgerig.decide.tradeoff import tradeoff
from edgerig.figures import numbers
from edgerig.results import CellResult, Results, order, wording
from edgerig.spec import SweepBudget, load_sources


@dataclass(frozen=True)
class Row:
    """One format and recipe, placed in one way; `cells` has one per source, None where it was not planned."""

    format: str
    recipe: str
    threads: int
    setup: str
    cells: tuple[CellResult | None, ...]


@dataclass(frozen=True)
class Framework:
    """One model on one device from its `sources`; `best` is the decision among each source's own variants."""

    device: str
    model: str
    sources: tuple[str, ...]
    rows: tuple[Row, ...]
    best: tuple[Decision, ...]
    finding: str
    """What it comes to, in one or two sentences."""


def name(source: str) -> str:
    row = load_sources().get(source)
    return row.title if row else source


def frameworks(results: Results, budget: SweepBudget) -> list[Framework]:
    """One for each model and device with at least two sources, in order."""
    return [
        _framework(cells, budget, held_to)
        for cells, held_to in compared(results)
        if len({cell.source for cell in cells}) > 1
    ]


def _framework(cells: Sequence[CellResult], budget: SweepBudget, held_to: Reference | None) -> Framework:
    sources = tuple(dict.fromkeys(cell.source for cell in cells))
    placed = {(cell.format, cell.recipe, cell.threads, wording.setup(cell), cell.source): cell for cell in cells}
    keys = sorted(
        {key[:-1] for key in placed},
        key=lambda key: (order.rank(key[0], order.FORMATS), order.rank(key[1], order.RECIPES), *key[2:]),
    )
    rows = tuple(Row(*key, tuple(placed.get((*key, source)) for source in sources)) for key in keys)
    best = tuple(decide([cell for cell in cells if cell.source == source], budget, held_to) for source in sources)
    overall = decide(cells, budget, held_to)
    return Framework(
        cells[0].device, cells[0].model, sources, rows, best, f"{_finding(overall, best)} {_same_route(rows, sources)}"
    )


def _finding(overall: Decision, best: Sequence[Decision]) -> str:
    """Which source's best variant is best, and by how much over the next source's."""
    if overall.pick is None:
        return "No source gives a variant that can be recommended."
    winner = overall.pick
    others = [d for d in best if d.pick is not None and d.pick.source != winner.source]
    won = f"{name(winner.source)}, as {wording.variant(winner)} ({wording.described(winner)})"
    if not others:
        return f"{won}: no other source gives a variant that can be recommended."
    reasons = [
        f"{name(d.pick.source)}'s best, {wording.variant(d.pick)}: "
        + tradeoff(winner, d.pick, d.basis, same=d.pick.id in overall.tied)
        for d in others
        if d.pick is not None
    ]
    close = all(d.pick is not None and d.pick.id in overall.tied for d in others)
    lead = "Either: they are not told apart. The first of them is" if close else "Best is"
    return f"{lead} {won}; {'; '.join(reasons)}."


def _same_route(rows: Sequence[Row], sources: Sequence[str]) -> str:
    """The cost of the same format and recipe from the first two sources, over all rows that have both."""
    ratios = []
    for row in rows:
        costs = [_cost(cell) for cell in row.cells[:2]]
        if all(cost is not None for cost in costs):
            ratios.append((costs[1] or 0.0) / (costs[0] or 1.0))
    if not ratios:
        return f"No format and recipe ran from both {name(sources[0])} and {name(sources[1])}."
    ratios.sort()
    return (
        f"Through the same format and recipe, {name(sources[1])}'s build takes {ratios[len(ratios) // 2]:.2f}× what "
        f"{name(sources[0])}'s does, in the middle of {numbers.counted(len(ratios), 'pair')} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}×)."
    )


def _cost(cell: CellResult | None) -> float | None:
    """Median latency, on an emulated device instructions; None where it is not known."""
    if cell is None or cell.status != "ok" or not timed(cell):
        return None
    if cell.emulated:
        return cell.cost.instructions
    return None if cell.latency is None else cell.latency.p50_ms
