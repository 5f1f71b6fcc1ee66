"""One variant against another, in words and figures. Pure."""

from __future__ import annotations

from typing import Literal

from edgerig.decide.rules import at_work
from edgerig.figures import metric, numbers
from edgerig.results import CellResult

Basis = Literal["latency", "sustained", "instructions", "size"]


def tradeoff(pick: CellResult, other: CellResult, basis: Basis, *, same: bool) -> str:
    """`other` held against `pick`: `"1.4× the latency (8.09 µs), 30 % smaller (51.8 kB), same accuracy"`.

    `same`: their latencies are not told apart. Instructions repeat, so their difference is always told.
    """
    parts = []
    if basis == "latency" and pick.latency is not None and other.latency is not None:
        value = numbers.duration(other.latency.p50_ms)
        ratio = other.latency.p50_ms / pick.latency.p50_ms
        parts.append(f"as fast ({value})" if same else times(ratio, "latency", value))
    ours, theirs = at_work(pick), at_work(other)
    if basis == "sustained" and ours and theirs is not None:
        value = numbers.duration(theirs)
        ratio = theirs / ours
        parts.append(f"as fast when kept at work ({value})" if same else times(ratio, "sustained latency", value))
    if basis == "instructions" and pick.cost.instructions and other.cost.instructions is not None:
        value = numbers.significant(other.cost.instructions)
        ratio = other.cost.instructions / pick.cost.instructions
        parts.append(
            f"as many instructions ({value})" if 0.999 < ratio < 1.001 else times(ratio, "instructions", value)
        )
    parts += [text for text in (_size(pick, other), _accuracy(pick, other)) if text]
    return ", ".join(parts)


def times(ratio: float, what: str, value: str) -> str:
    """`"1.4× the latency (8.09 µs)"`, or in percent where the ratio is close to one."""
    if 0.9 <= ratio <= 1.1:
        change = 100 * (ratio - 1)
        less = "fewer" if what == "instructions" else "less"
        return f"{abs(change):.1f} % {'more' if change >= 0 else less} {what} ({value})"
    return f"{ratio:.2g}× the {what} ({value})"


def _size(pick: CellResult, other: CellResult) -> str:
    if not pick.size_bytes or other.size_bytes is None:
        return ""
    change = 100 * (other.size_bytes / pick.size_bytes - 1)
    if abs(change) < 0.5:
        return f"same size ({numbers.kilobytes(other.size_bytes)})"
    return f"{abs(change):.0f} % {'larger' if change > 0 else 'smaller'} ({numbers.kilobytes(other.size_bytes)})"


def _accuracy(pick: CellResult, other: CellResult) -> str:
    lost = metric.lost_points(other.accuracy, pick.accuracy)
    if lost is None:
        return ""
    if abs(lost) < 0.005:
        return "same accuracy"
    return f"accuracy {abs(lost):.2g} points {'lower' if lost > 0 else 'higher'} ({metric.written(other.accuracy)})"
