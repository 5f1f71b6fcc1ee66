"""A trend in words and small pictures, the same in the terminal and on the page. Plain text, nothing escaped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from edgerig.figures import numbers
from edgerig.history.metrics import Metric
from edgerig.history.trends import LevelChange, Point, Trend

_BLOCKS = "▁▂▃▄▅▆▇█"


def figure(value: float | None, metric: Metric) -> str:
    """Three digits of a measured time, with its unit; every digit of what is counted."""
    if value is None:
        return numbers.MISSING
    if metric.unit == "ms":
        return numbers.duration(value)
    if metric.whole:
        return f"{value:,.0f}"
    return numbers.significant(value, metric.digits)


def unit(metric: Metric) -> str:
    """What stands once over a column of figures; times say theirs each."""
    return "" if metric.unit == "ms" else metric.unit


def change(found: LevelChange, metric: Metric) -> str:
    """`+14.9 % at 20261121-…: 0.0089 → 0.0102 ms (p = 0.001)`"""
    share = f"{found.ratio - 1:+.1%}".replace("%", " %") if math.isfinite(found.ratio) else "from nothing"
    p = "" if found.p is None else f" (p = {found.p:.3g})"
    levels = f"{figure(found.before, metric)} → {figure(found.after, metric)} {unit(metric)}".rstrip()
    return f"{share} at {found.run}: {levels}{p}"


def measured(point: Point, metric: Metric) -> str:
    """`0.0102 ms as measured`, of a figure that is corrected for the machine's own speed; else ""."""
    return "" if point.measured is None else f"{figure(point.measured, metric)} as measured"


def corrected(trends: Sequence[Trend]) -> str:
    """By how much figures were corrected for the machine's own speed, in a line; "" where none was."""
    found = [
        point.measured / point.value - 1
        for trend in trends
        for point in trend.kept
        if point.measured is not None and point.value
    ]
    if not found:
        return ""
    return (
        f"At the speed each machine usually had: it took {100 * min(found):+.1f} to {100 * max(found):+.1f} % for a "
        "computation that is always the same, and figures are corrected for that."
    )


def left_out(trend: Trend) -> str:
    """`2 left out: noisy: its time is not known (2)`; "" when none was."""
    reasons = Counter(point.left_out for point in trend.left_out)
    if not reasons:
        return ""
    said = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return f"{sum(reasons.values())} left out: {said}"


def sparkline(values: Sequence[float], metric: Metric, width: int = 24) -> str:
    """The newest `width` values as blocks. What differs by less than the metric's minimum stays near the middle, so
    that noise does not look like a cliff."""
    shown = list(values[-width:])
    low, high = scale(shown, metric)
    return "".join(_BLOCKS[round((value - low) / (high - low) * (len(_BLOCKS) - 1))] for value in shown)


def scale(values: Sequence[float], metric: Metric) -> tuple[float, float]:
    """The ends of an axis over `values`: theirs, or twice the metric's minimum around their middle if that is more."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    middle = (low + high) / 2
    half = max((high - low) / 2, metric.minimum * abs(middle)) or 0.5
    return middle - half, middle + half


def notes(trends: Sequence[Trend]) -> list[str]:
    """What was left out of the trends and why, cells with the same reason in one line."""
    same: dict[str, list[str]] = {}
    for trend in trends:
        if trend.left_out:
            same.setdefault(left_out(trend), []).append(trend.cell)
    return [
        f"{cells[0]}: {said}" if len(cells) == 1 else f"{len(cells)} cells ({cells[0]}, …): {said}"
        for said, cells in same.items()
    ]
