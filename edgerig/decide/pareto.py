"""Which variants no other one beats. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.decide.rules import sound, timed
from edgerig.figures import metric
from edgerig.results import CellResult


def dominated(cells: Sequence[CellResult]) -> dict[str, str]:
    """Cell id → id of a cell that is at least as good in cost, accuracy and size, and better in one of them.

    `cells` are one model's on one device. Cost is the median latency, on an emulated device the instructions. Cells
    without a cost or an accuracy, those that compute something else and those whose time is not their own (contended)
    neither beat others nor are beaten.
    """
    placed = [(figures, cell.id) for cell in cells if (figures := _figures(cell)) is not None]
    # In this order whoever beats a cell stands before it, and so does one that is itself not beaten.
    placed.sort()
    front: list[tuple[tuple[float, float, float], str]] = []
    beaten: dict[str, str] = {}
    for figures, identity in placed:
        by = next((other for theirs, other in front if _beats(theirs, figures)), None)
        if by is None:
            front.append((figures, identity))
        else:
            beaten[identity] = by
    return beaten


def _figures(cell: CellResult) -> tuple[float, float, float] | None:
    """(cost, badness, size), each the smaller the better."""
    cost = cell.cost.instructions if cell.emulated else cell.latency.p50_ms if cell.latency else None
    if not sound(cell) or not timed(cell) or cost is None or cell.accuracy.value is None or cell.size_bytes is None:
        return None
    return cost, -metric.goodness(cell.accuracy), cell.size_bytes


def _beats(ours: tuple[float, float, float], theirs: tuple[float, float, float]) -> bool:
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))
