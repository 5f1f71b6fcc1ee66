"""How long one inference takes in the steady state: its median, and how far its slow ones go.

An emulator's clock says nothing of the device it stands for: such a latency is written down, and never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from edgerig.figures.column import Column
from edgerig.figures.field import Field, Value, real, text
from edgerig.figures.figure import Certainty, Change, Figure, Limit, Trend
from edgerig.figures.numbers import MISSING, duration

if TYPE_CHECKING:
    from edgerig.results import CellResult, Controls, Latency, MedianInterval

Percentile = Callable[["Latency"], float]


def _of(get: Percentile) -> Callable[[CellResult], float | None]:
    return lambda cell: get(cell.latency) if cell.latency else None


def _field(name: str, get: Percentile, *, shown: bool = False) -> Field:
    return real(f"latency_{name}_ms", _of(get), shown=shown)


def _interval(name: str, get: Callable[[MedianInterval], float]) -> Field:
    def value(cell: CellResult) -> float | None:
        return None if cell.latency is None or cell.latency.interval is None else get(cell.latency.interval)

    return real(f"latency_p50_ci95_{name}_ms", value)


def _control(name: str, get: Callable[[Controls], Sequence[float]]) -> Field:
    def value(cell: CellResult) -> Value:
        found = get(cell.latency.controls) if cell.latency else ()
        return median(found) if found else None

    return Field(f"{name}_control_ms", "float", value)


def _reason(cell: CellResult) -> str:
    return "an emulator's clock is no latency" if cell.emulated else "not timed"


def _column(key: str, name: str, get: Percentile, *, usual: bool) -> Column:
    def text(cell: CellResult) -> str:
        if cell.latency is None:
            return MISSING
        return duration(get(cell.latency)) + (" (emulated)" if cell.emulated else "")

    def sort(cell: CellResult) -> float | None:
        return None if cell.latency is None or cell.emulated else get(cell.latency)

    def reason(cell: CellResult) -> str:
        if cell.latency is not None:
            return "emulated: not comparable with a real device's" if cell.emulated else ""
        return _reason(cell)

    return Column(key, name, text, sort, numeric=True, reason=reason, usual=usual, hover=usual, label=name)


def _percentile(name: str, get: Percentile, *columns: Column) -> Figure:
    """A slow one; its value stands among the median's fields."""
    field = f"latency_{name}_ms"
    return Figure(
        key=name,
        name=name,
        unit="ms",
        value=_of(get),
        reason=_reason,
        field=field,
        shown="optional" if columns else "never",
        columns=columns,
        certainty=Certainty("latency"),
        limit=Limit(field, "positive", f"with a {name} above {{}}", f"a {name} of {{}}", on="real"),
    )


LATENCY = Figure(
    key="latency",
    name="p50",
    unit="ms",
    value=_of(lambda latency: latency.p50_ms),
    reason=_reason,
    field="latency_p50_ms",
    fields=(
        _field("p50", lambda latency: latency.p50_ms, shown=True),
        _interval("low", lambda interval: interval.low_ms),
        _interval("high", lambda interval: interval.high_ms),
        _field("p90", lambda latency: latency.p90_ms),
        _field("p99", lambda latency: latency.p99_ms),
        _field("mean", lambda latency: latency.mean_ms),
        _field("std", lambda latency: latency.std_ms),
        _field("min", lambda latency: latency.min_ms),
        _field("max", lambda latency: latency.max_ms),
        Field("latency_samples", "int", lambda c: c.latency.samples if c.latency else None),
        Field("latency_warmup_runs", "int", lambda c: c.latency.warmup_runs if c.latency else None),
        text("latency_stopped", lambda c: c.latency.stopped or None if c.latency else None),
        _control("clock", lambda controls: controls.clock_ms),
        _control("core", lambda controls: controls.core_ms),
        _control("memory", lambda controls: controls.memory_ms),
        _control("beside", lambda controls: controls.beside_ms),
        text("verdict", lambda c: c.verdict.label if c.verdict else None, shown=True),
        text("verdict_advice", lambda c: c.verdict.advice if c.verdict else None),
    ),
    shown="usual",
    headline=True,
    columns=(_column("latency", "p50", lambda latency: latency.p50_ms, usual=True),),
    certainty=Certainty("latency"),
    change=Change(
        minimum=0.05,
        unit="p50",
        on_processor=True,
        note="ratio of the medians, divided by what the machine itself took more for a computation that is always the "
        "same (its median over the run's cells); the interval is a block bootstrap over the raw samples of both runs, "
        "widened by how much the processes of one run differ and by how exactly the machine is known. Emulated latency "
        "is never compared.",
    ),
    limit=Limit("latency_p50_ms", "positive", "slower than {}", on="real"),
    trend=Trend("latency_p50_ms", exact=False, minimum=0.05, belongs="processor", without="untimed", corrected=True),
    notes=(
        (
            "Latency",
            "one inference at batch size 1 in the steady state, by the device's monotonic clock around the "
            "inference alone: no file loading, no warm-up, no network. Percentiles are nearest-rank; every sample "
            "is kept in the run's folder. Below 0.1 ms it is written in µs. Loading and first inference are in "
            "results.csv.",
        ),
        (
            "Emulated",
            "an emulator's clock says nothing of the device it stands for. Such latencies are marked, left out of "
            "plots and never ranked; size, accuracy and relative error are real.",
        ),
    ),
)
P90 = _percentile(
    "p90", lambda latency: latency.p90_ms, _column("p90", "p90", lambda latency: latency.p90_ms, usual=False)
)
P99 = _percentile("p99", lambda latency: latency.p99_ms)
