"""A change in words, the same in every report. Nothing here escapes: each writer escapes for its own language."""

from __future__ import annotations

from edgerig import figures
from edgerig.compare.comparison import Comparison
from edgerig.compare.figure_change import MetricChange
from edgerig.compare.machine import ControlChange, Shift
from edgerig.figures.numbers import duration


def change_text(metric: MetricChange) -> str:
    """A change in a line: figures, effect, interval, p, reason."""
    if metric.effect is None or metric.base is None or metric.new is None:
        return f"{metric.label}: {metric.reason}" if metric.reason else metric.label
    line = (
        f"{metric.label}: {value_text(metric, metric.base)} → {value_text(metric, metric.new)}, {effect_text(metric)}"
    )
    return f"{line}; {metric.reason}" if metric.reason else line


def value_text(metric: MetricChange, value: float) -> str:
    """One side of the change, to as many digits as a change shows in."""
    return duration(value, 4) if figures.named(metric.metric).time else f"{value:.6g}"


def effect_text(metric: MetricChange) -> str:
    """The effect with its interval, p and minimum, as `+10.2 % [+9.1, +11.4] %, p 0.001 (counts from 5 %)`."""
    if metric.effect is None or metric.low is None or metric.high is None:
        return ""
    if not metric.unit:
        return f"{metric.effect:+.4g} (counts from {metric.minimum:g})"
    text = f"{100 * metric.effect:+.2f} {metric.unit}"
    if metric.low != metric.high:
        text += f" [{100 * metric.low:+.2f}, {100 * metric.high:+.2f}]"
    if metric.measured is not None:
        text += f", as measured {100 * metric.measured:+.2f} %"
    if metric.p is not None:
        text += f", p {metric.p:.2g}"
    return f"{text} (counts from {100 * metric.minimum:g} {metric.unit})"


def machine_lines(found: Comparison) -> list[str]:
    """What each device itself did, a line per device: it holds for all of its cells and is said once, above them."""
    return [f"{machine.device}: {machine_text(machine)}" for machine in found.machines]


def machine_text(machine: Shift) -> str:
    """`the machine took +5.5 % [+5.1, +5.9] for a computation that is always the same (…): …`"""
    clock, *others = machine.changes
    seen = f"the machine took {_between(clock)} for a computation that is always the same"
    if others:
        seen += f" ({'; '.join(f'for one bound by {_BOUND[other.control]} {_between(other)}' for other in others)})"
    if machine.doubt:
        return f"{seen}: no latency is compared, {machine.doubt}"
    if not machine.corrected:
        return f"{seen}: latencies are compared as measured, {machine.reason}"
    sentence = f"{seen}: latencies are corrected for it"
    core, memory = (
        max(machine.core_slower, machine.core_faster),
        max(machine.memory_slower, machine.memory_faster),
    )
    if core:
        sentence += (
            f"; arithmetic differs from it by {_apart(core)}, and as a latency may follow either, its interval reaches"
        )
        sentence += " from one to the other"
    if memory:
        sentence += (
            f"; memory differs from it by {_apart(memory)}, which widens the interval of what reads a large file"
        )
    return sentence


def _apart(logarithm: float) -> str:
    return f"{100 * logarithm:.1f} % more than chance explains"


_BOUND: dict[str, str] = {"core": "arithmetic", "memory": "memory"}


def _between(found: ControlChange) -> str:
    return f"{100 * found.change:+.1f} % [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
