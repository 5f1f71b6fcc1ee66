"""A cell in words, the same in every report. Pure; nothing here escapes: each writer escapes for its own language."""

from __future__ import annotations

from edgerig.figures import metric
from edgerig.figures.numbers import duration, kilobytes, significant
from edgerig.figures.verdict import kind_of
from edgerig.results import CellResult, ConditionsRecord
from edgerig.results.median import latency_labels


def variant(cell: CellResult, *, with_source: bool = False) -> str:
    """`"tflite int8-static"`, or `"torch → tflite int8-static"` where a model has several sources."""
    threads = "" if cell.threads == 1 else f" with {cell.threads} threads"
    source = f"{cell.source} → " if with_source else ""
    return ", ".join(filter(None, (f"{source}{cell.format} {cell.recipe}{threads}", setup(cell))))


def setup(cell: CellResult) -> str:
    """How it was placed beside its device and threads, as its id says: `"p2-3, xnnpack=false"`, "" for the default."""
    device_and_threads = f"{cell.device}/t{cell.threads}/"  # a stranger's device may have any name
    return ", ".join(cell.id.partition("@")[2].partition(device_and_threads)[2].split("/")).strip()


def held(conditions: ConditionsRecord) -> str:
    """What a device was brought into: `"governor performance (was ondemand), begun at 41 °C"`."""
    parts = [
        f"{each.name} {each.now}{f' (was {each.before})' if each.before not in (None, each.now) else ''}"
        for each in conditions.knobs
        if each.held
    ]
    if conditions.temperature_c is not None:
        waited = f" after {conditions.waited_s:.0f} s" if conditions.waited_s >= 1 else ""
        parts.append(f"begun at {conditions.temperature_c:.0f} °C{waited}")
    return ", ".join(parts)


def not_held(conditions: ConditionsRecord) -> str:
    """What it could not be brought into or out of, and why; "" where nothing."""
    parts = [
        f"{each.name} stayed {each.now or 'unknown'} in place of {each.wanted}"
        for each in conditions.knobs
        if not each.held
    ]
    if conditions.hot:
        at, below = significant(conditions.temperature_c), significant(conditions.start_below_c)
        parts.append(f"begun at {at} °C, above {below} °C")
    if not conditions.restored:
        parts.append("not all could be put back afterwards: edgerig devices tune NAME --reset")
    return "; ".join([*parts, *dict.fromkeys(conditions.reasons.values())])


def described(cell: CellResult) -> str:
    """A cell's figures in one line: what it takes first, then what it gives."""
    parts = []
    if cell.latency is not None and not cell.emulated:
        doubts = ", ".join(label for label in latency_labels(cell) if kind_of(label).against_latency)
        parts.append(f"p50 {duration(cell.latency.p50_ms)}{doubts and f' ({doubts})'}")
    if cell.cost.instructions is not None:
        parts.append(f"{significant(cell.cost.instructions)} instructions")
    parts.append(kilobytes(cell.size_bytes))
    if cell.accuracy.value is not None:
        parts.append(metric.with_name(cell.accuracy))
    return ", ".join(parts)
