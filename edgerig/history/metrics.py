"""What a history can be asked for, and which of its points may stand in one series.

A series is one cell on one processor. Points that say nothing of their metric (a noisy or emulated latency) are left
out with their reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgerig import figures
from edgerig.figures.figure import Belongs, Figure, Trend, Without
from edgerig.figures.verdict import kind_of, of_median

Row = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """`exact`: repeats give the same figure, so that one point shows a change; otherwise statistics must.

    `column` has its values, `reason` names the one that says why there is none (None: no column does). `minimum` is the
    smallest relative change worth telling. `series` gives what tells series of one cell apart, beside its id.
    `excluded` gives why a row with a value has no place in the series, or "". `corrected`: the machine's own speed is
    taken out of it. It is written whole, else to `digits`.
    """

    name: str
    column: str
    reason: str | None
    unit: str
    whole: bool
    digits: int
    exact: bool
    minimum: float
    series: Callable[[Row], tuple[str, ...]]
    excluded: Callable[[Row], str]
    corrected: bool = False


def _anywhere(row: Row) -> tuple[str, ...]:
    return ()


def _processor(row: Row) -> tuple[str, ...]:
    """A figure of time or memory, or of a device's kernels, belongs to the processor it was taken on."""
    return (row["device_cpu"] or (row["host_cpu"] if row["device_kind"] == "local" else "") or "unknown processor",)


def _data(row: Row) -> tuple[str, ...]:
    """Accuracies by another measure or over other samples are other figures."""
    return (*_processor(row), row["accuracy_metric"] or "", f"{row['accuracy_samples']} samples")


def _wrong(row: Row) -> str:
    return "" if kind_of(row["verdict"]).sound else f"the device computed something else ({row['verdict']})"


def _untimed(row: Row) -> str:
    if row["emulated"]:
        return "emulated: the time of an emulator says nothing"
    label = row["verdict"] or ""
    known = of_median(label, _half_width(row))
    if kind_of(known).settled:
        return ""
    return f"{', '.join(dict.fromkeys((label or 'no verdict', known or 'no verdict')))}: its time is not known"


def _half_width(row: Row) -> float | None:
    """Half of the median's interval, relative, as `measure/latency.py` has it; None where there is none."""
    low, high = row["latency_p50_ci95_low_ms"], row["latency_p50_ci95_high_ms"]
    return math.sinh(math.log(high / low) / 2) if low and high and 0 < low <= high else None


_SERIES: dict[Belongs, Callable[[Row], tuple[str, ...]]] = {
    "anywhere": _anywhere,
    "processor": _processor,
    "data": _data,
}
_EXCLUDED: dict[Without, Callable[[Row], str]] = {"": lambda row: "", "wrong": _wrong, "untimed": _untimed}


def metrics() -> dict[str, Metric]:
    """By name: the figures that a history follows."""
    return {name: _metric(figure, trend) for name, (figure, trend) in figures.followed().items()}


def _metric(figure: Figure, trend: Trend) -> Metric:
    return Metric(
        name=trend.name,
        column=figure.field,
        reason=figure.reason_field,
        unit=figure.unit,
        whole=figure.whole,
        digits=trend.digits,
        exact=trend.exact,
        minimum=trend.minimum,
        series=_SERIES[trend.belongs],
        excluded=_EXCLUDED[trend.without],
        corrected=trend.corrected,
    )
