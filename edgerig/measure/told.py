"""A change in words, the same in every report. Nothing here escapes: each writer escapes for its own language."""

from __future__ import annotations

from edgerig.measure.compare import MetricChange
from edgerig.measure.figure import duration


def told(metric: MetricChange) -> str:
    """A change in a line: figures, effect, interval, p, reason."""
    if metric.effect is None or metric.base is None or metric.new is None:
        return f"{metric.label}: {metric.reason}" if metric.reason else metric.label
    line = (
        f"{metric.label}: {value_told(metric, metric.base)} → {value_told(metric, metric.new)}, {effect_told(metric)}"
    )
    return f"{line}; {metric.reason}" if metric.reason else line


def value_told(metric: MetricChange, value: float) -> str:
    """One side of the change, to as many digits as a change shows in."""
    return duration(value, 4) if metric.metric == "latency" else f"{value:.6g}"


def effect_told(metric: MetricChange) -> str:
    """The effect with its interval, p and minimum, as `+10.2 % [+9.1, +11.4] %, p 0.001 (counts from 5 %)`."""
    if metric.effect is None or metric.low is None or metric.high is None:
        return ""
    if not metric.unit:
        return f"{metric.effect:+.4g} (counts from {metric.minimum:g})"
    text = f"{100 * metric.effect:+.2f} {metric.unit}"
    if metric.low != metric.high:
        text += f" [{100 * metric.low:+.2f}, {100 * metric.high:+.2f}]"
    if metric.p is not None:
        text += f", p {metric.p:.2g}"
    return f"{text} (counts from {100 * metric.minimum:g} {metric.unit})"
