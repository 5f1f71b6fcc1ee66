"""What the comparison's writers show, whatever they are written in. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgerig import figures
from edgerig.compare.comparison import CellChange, Comparison
from edgerig.compare.figure_change import LABELS, Label, MetricChange
from edgerig.compare.operators import OperatorChange
from edgerig.compare.wording import effect_text
from edgerig.compare.wording import machine_lines as machine_lines  # the template takes all of its words from here
from edgerig.figures.numbers import MISSING, duration

MARKS: dict[Label, str] = {"regressed": "✗", "inconclusive": "?", "improved": "✓", "same": "=", "not compared": "–"}
_LABELS: tuple[tuple[str, str], ...] = (
    (
        "regressed, improved",
        "the change is above the smallest one that counts, and so is the whole of its 95 % interval.",
    ),
    ("same", "the whole 95 % interval is within the smallest change that counts."),
    ("inconclusive", "the data allows both; the reason stands beside it. It is not the same as same."),
)


def metrics(found: Comparison) -> dict[str, str]:
    """What is compared, by key: its name in a table's head. In the order of a cell's changes, metrics that only some
    cells have last."""
    own = (change.metric for cell in found.cells for change in cell.metrics)
    return {key: name(key) for key in dict.fromkeys((*figures.compared(), *own))}


def name(key: str) -> str:
    """A figure's key, a further metric's in words."""
    return key if key in figures.compared() else figures.named(key).name


def row(cell: CellChange, keys: Iterable[str]) -> list[MetricChange | None]:
    """The cell's row of the matrix, by the columns' keys; None for a metric it has not."""
    own = {change.metric: change for change in cell.metrics}
    return [own.get(key) for key in keys]


def unit(metric: MetricChange) -> str:
    """What stands behind the figure's name in a table of changes; "" where nothing does."""
    change = figures.named(metric.metric).change
    return change.unit if change else ""


def notes() -> tuple[tuple[str, str], ...]:
    """What the labels mean, then how figures are compared; those that are compared alike together."""
    same: dict[str, list[str]] = {}
    for key, (_, change) in figures.compared().items():
        same.setdefault(change.note, []).append(key)
    return (*_LABELS, *((", ".join(keys), note) for note, keys in sorted(same.items(), key=lambda one: len(one[1]))))


@dataclass(frozen=True)
class Row:
    """One changed figure of one cell."""

    cell: CellChange
    metric: MetricChange


def headline(found: Comparison) -> str:
    """`"24 cells: 1 regressed, 2 inconclusive, 21 same"`."""
    counts = ", ".join(f"{count} {label}" for label, count in found.counts().items())
    return f"{len(found.cells):,} {'cell' if len(found.cells) == 1 else 'cells'}: {counts or 'none'}"


def changed(found: Comparison) -> list[Row]:
    """Every metric that is neither the same nor left out, the worst first."""
    rows = [Row(cell, metric) for cell in found.cells for metric in cell.metrics]
    noted = [row for row in rows if row.metric.label in ("regressed", "inconclusive", "improved")]
    return sorted(noted, key=lambda row: LABELS.index(row.metric.label))


@dataclass(frozen=True)
class OperatorRow:
    """One operator of one cell that takes longer or less than before, in words."""

    cell: str
    what: str
    operator: str
    base: str
    new: str
    change: str


def operators(found: Comparison) -> list[OperatorRow]:
    """Of the cells that both runs looked into."""
    return [_operator(cell.id, change) for cell in found.cells for change in cell.operators]


def _operator(cell: str, change: OperatorChange) -> OperatorRow:
    effect = "" if change.effect is None else f"{100 * change.effect:+.1f} %"
    moved = f"{change.base_runner} → {change.new_runner}" if change.what == "run elsewhere" else ""
    return OperatorRow(
        cell=cell,
        what=change.what,
        operator=f"{change.name} ({change.layer})" if change.layer else change.name,
        base=_value(change, change.base),
        new=_value(change, change.new),
        change="; ".join(part for part in (effect, moved) if part),
    )


def _value(change: OperatorChange, value: float | None) -> str:
    if value is None:
        return MISSING
    return duration(value / 1e6, 4) if change.unit == "ns" else f"{value:,.0f} instructions"


def unmatched(found: Comparison) -> list[CellChange]:
    """Cells without figures on both sides: only in one run, or not ok in one of them."""
    return [cell for cell in found.cells if not cell.metrics]


def figure(metric: MetricChange, value: float | None) -> str:
    if value is None:
        return MISSING
    shown = figures.named(metric.metric)
    if shown.time:
        return duration(value, 4)
    return f"{value:,.0f}" if shown.whole else f"{value:.5g}"


def short(metric: MetricChange | None) -> str:
    """A cell of the matrix: a mark and the effect; "" for none."""
    if metric is None:
        return ""
    mark = MARKS[metric.label]
    if metric.effect is None or metric.label == "not compared":
        return mark
    if not metric.unit:
        return f"{mark} {metric.effect:+.2g}"
    return f"{mark} {100 * metric.effect:+.1f} {'pt' if metric.unit == 'points' else '%'}"


def described(metric: MetricChange) -> str:
    return "; ".join(part for part in (effect_text(metric), metric.reason) if part)
