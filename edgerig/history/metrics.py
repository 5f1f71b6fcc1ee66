"""What a history can be asked for, and which of its points may stand in one series.

A series is one cell on one processor. Points that say nothing of their metric (a noisy or emulated latency) are left
out with their reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgerig.figures.verdict import kind_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """`exact`: repeats give the same figure, so that one point shows a change; otherwise statistics must.

    `minimum` is the smallest relative change worth telling. `series` gives what tells series of one cell apart,
    beside its id. `excluded` gives why a row with a value has no place in the series, or "". `corrected`: the
    machine's own speed is taken out of it.
    """

    name: str
    column: str
    unit: str
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
    return "" if kind_of(row["verdict"]).timed else f"{row['verdict'] or 'no verdict'}: its time is not known"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("latency_p50_ms", "latency_p50_ms", "ms", False, 0.05, _processor, _untimed, corrected=True),
        # ONNX files hold the paths of the sources they were traced from: another checkout differs by half a per cent.
        Metric("size_bytes", "size_bytes", "bytes", True, 0.01, _anywhere, lambda row: ""),
        Metric("accuracy", "accuracy", "", True, 0.005, _data, lambda row: ""),
        Metric("instructions", "instructions", "instructions", True, 0.005, _processor, _wrong),
        Metric("memory", "peak_rss_bytes", "bytes", False, 0.05, _processor, _wrong),
    )
}
