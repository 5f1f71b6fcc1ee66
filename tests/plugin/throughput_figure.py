"""A figure as another package adds it: one file. How many inferences a second one thread after the other gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.field import real, text
from edgerig.figures.figure import Change, Figure, Limit, Trend

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _per_second(cell: CellResult) -> float | None:
    return None if cell.latency is None or cell.emulated else 1000 / cell.latency.mean_ms


def _reason(cell: CellResult) -> str:
    return "" if _per_second(cell) is not None else "there is no latency of a real device"


THROUGHPUT = Figure(
    key="throughput",
    name="throughput",
    unit="1/s",
    value=_per_second,
    reason=_reason,
    field="throughput_per_second",
    fields=(real("throughput_per_second", _per_second, shown=True), text("throughput_reason", _reason)),
    shown="usual",
    better="higher",
    scale=("1/s", 1),
    change=Change(minimum=0.5, unit="1/s", on_processor=True, note="of the mean latency."),
    limit=Limit("throughput_per_second", "positive", "with fewer than {} inferences a second", "{}/s", on="real"),
    trend=Trend("throughput", exact=False, minimum=0.1, belongs="processor", without="untimed"),
    notes=(("Throughput", "inferences a second, one after the other."),),
)
