"""What the comparison's writers show, whatever they are written in. Pure; nothing here escapes."""

from __future__ import annotations

from dataclasses import dataclass

from edgerig.figures.numbers import MISSING, duration
from edgerig.measure.compare import LABELS, CellChange, Comparison, Label, Metric, MetricChange
from edgerig.measure.told import effect_told
from edgerig.measure.told import machines_told as machines_told  # the template takes all of its words from here

METRICS: tuple[Metric, ...] = ("size", "latency", "memory", "accuracy", "parity", "instructions")
UNITS: dict[Metric, str] = {
    "size": "bytes",
    "latency": "p50",
    "memory": "peak, bytes",
    "accuracy": "",
    "parity": "relative error",
    "instructions": "",
}
MARKS: dict[Label, str] = {"regressed": "✗", "inconclusive": "?", "improved": "✓", "same": "=", "not compared": "–"}
NOTES: tuple[tuple[str, str], ...] = (
    (
        "regressed, improved",
        "the change is above the smallest one that counts, and so is the whole of its 95 % interval.",
    ),
    ("same", "the whole 95 % interval is within the smallest change that counts."),
    ("inconclusive", "the data allows both; the reason stands beside it. It is not the same as same."),
    (
        "latency",
        "ratio of the medians, divided by what the machine itself took more for a computation that is always the same "
        "(its median over the run's cells); the interval is a block bootstrap over the raw samples of both runs, "
        "widened by how much the processes of one run differ and by how exactly the machine is known. Emulated latency "
        "is never compared.",
    ),
    ("accuracy", "on the same samples: McNemar's exact test, and Bonett and Price's interval of the change."),
    ("size, memory, parity, instructions", "they repeat, so any change above the minimum is one of the build."),
)


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


def unmatched(found: Comparison) -> list[CellChange]:
    """Cells without figures on both sides: only in one run, or not ok in one of them."""
    return [cell for cell in found.cells if not cell.metrics]


def figure(metric: MetricChange, value: float | None) -> str:
    if value is None:
        return MISSING
    if metric.metric == "latency":
        return duration(value, 4)
    return f"{value:,.0f}" if metric.metric in ("size", "memory", "instructions") else f"{value:.5g}"


def short(metric: MetricChange) -> str:
    """A cell of the matrix: a mark and the effect."""
    mark = MARKS[metric.label]
    if metric.effect is None or metric.label == "not compared":
        return mark
    if not metric.unit:
        return f"{mark} {metric.effect:+.2g}"
    return f"{mark} {100 * metric.effect:+.1f} {'pt' if metric.unit == 'points' else '%'}"


def described(metric: MetricChange) -> str:
    return "; ".join(part for part in (effect_told(metric), metric.reason) if part)
