"""Two cells against each other, by the rules that decisions and comparisons go by: what is not told apart there is not
told apart here, and no emulated time is ranked."""

from __future__ import annotations

from collections.abc import Mapping

from edgerig.compare.evidence import independent_ratio
from edgerig.decide.decision import same
from edgerig.figures import numbers
from edgerig.figures.verdict import kind_of
from edgerig.results import CellResult
from edgerig.results.median import latency_label, latency_labels, median_interval
from edgerig.study.finding import Evidence, Figure
from edgerig.study.seen import Seen

EXPORTED = "torch_eager"
"""PyTorch's eager execution, which is of torch.export's program: calls from Python cost more there."""
EAGER = (
    "PyTorch's eager execution is here that of torch.export's program, whose calls from Python cost more than the "
    "module's own: of networks so small that it weighs the figures stand beside the verdict"
)
CALLS_WEIGH = "of an exported program: in a network this small its calls weigh"
SMALL_BYTES = 1_000_000
"""A file of fewer is of a network like digits_cnn (0.2 MB), a third of whose time such calls were; of MobileNetV2's
(14 MB) nothing showed."""


def latency_figure(seen: Seen) -> Figure:
    """Its median latency, with the 95 % interval and what speaks against it: its verdict, or calls that weigh."""
    cell, interval = seen.cell, median_interval(seen.cell)
    labels = (label for label in latency_labels(cell) if kind_of(label).against_latency)
    doubts = (*labels, CALLS_WEIGH if _calls_weigh(cell) else "")
    return Figure(
        seen,
        "p50 " + numbers.duration(cell.latency.p50_ms if cell.latency else None),
        "" if interval is None else f"{numbers.duration(interval[0])} to {numbers.duration(interval[1])}",
        ", ".join(filter(None, doubts)),
    )


def _calls_weigh(cell: CellResult) -> bool:
    """Is it an exported program of a small network?"""
    return cell.format == EXPORTED and cell.size_bytes is not None and cell.size_bytes < SMALL_BYTES


def faster(base: Seen, other: Seen, axes: Mapping[str, str]) -> Evidence:
    """As claimed where `other` takes less time than `base`, told neither way where the two are not told apart. A time
    that edgerig's own way of running is part of stands beside the verdict."""
    figures = (latency_figure(base), latency_figure(other))
    if _calls_weigh(base.cell) or _calls_weigh(other.cell):
        return Evidence(axes, figures, _ratio(base.cell, other.cell), None, CALLS_WEIGH, judges=False)
    why = next((why for each in (base, other) if (why := _untold(each.cell))), "")
    if why:
        return Evidence(axes, figures, _ratio(base.cell, other.cell), None, why)
    if same(base.cell, other.cell, "latency"):
        return Evidence(axes, figures, _ratio(base.cell, other.cell), None, "not told apart: their intervals overlap")
    return Evidence(axes, figures, _ratio(base.cell, other.cell), _p50(other.cell) < _p50(base.cell))


def rankable(seen: Seen) -> bool:
    """Has it a time that is one of a real device?"""
    return seen.ran and not seen.cell.emulated and seen.cell.latency is not None and seen.cell.latency.p50_ms > 0


def _untold(cell: CellResult) -> str:
    """Why its median is compared with none, "" where it is."""
    label = latency_label(cell)
    if not kind_of(label).timed:
        return f"{label or 'no verdict'}: the median of one is not known well enough to be compared"
    return "" if median_interval(cell) else "the median of one has no interval"


def _p50(cell: CellResult) -> float:
    return 0.0 if cell.latency is None else cell.latency.p50_ms


def _ratio(base: CellResult, other: CellResult) -> str:
    """`"0.54× the time [0.52, 0.56]"`."""
    text = f"{numbers.significant(_p50(other) / _p50(base))}× the time"
    ours, theirs = median_interval(base), median_interval(other)
    if ours is None or theirs is None or min(*ours, *theirs) <= 0:
        return text
    found = independent_ratio(_p50(base), ours, _p50(other), theirs)
    return f"{text} [{numbers.significant(1 + found.low)}, {numbers.significant(1 + found.high)}]"
