"""How well a cell's median latency is known, from its interval and its verdict together. Pure.

The verdict alone does not tell: that a file runs outside the fast backend is said before noise is, and the cell may be
noisy as well.
"""

from __future__ import annotations

from edgerig.figures.verdict import of_median
from edgerig.results import CellResult


def median_interval(cell: CellResult) -> tuple[float, float] | None:
    """The 95 % interval of the median in ms; of older results, which had none, as the verdict's evidence has it."""
    if cell.latency is not None and cell.latency.interval is not None:
        return cell.latency.interval.low_ms, cell.latency.interval.high_ms
    return cell.verdict.evidence.median_ci95_ms if cell.verdict else None


def half_width(cell: CellResult) -> float | None:
    """Half of that interval, relative to the median; None where there is none, for too few samples."""
    if cell.latency is not None and cell.latency.interval is not None:
        return cell.latency.interval.half_width
    return cell.verdict.evidence.relative_half_width if cell.verdict else None


def latency_label(cell: CellResult) -> str:
    """The verdict as far as it is of the median (`figures.verdict.of_median`); "" of a cell that has none."""
    return "" if cell.verdict is None else of_median(cell.verdict.label, half_width(cell))


def latency_labels(cell: CellResult) -> tuple[str, ...]:
    """All that is to be said of it by labels: `("fallback", "noisy")`; () of a cell without a verdict."""
    return () if cell.verdict is None else tuple(dict.fromkeys((cell.verdict.label, latency_label(cell))))
