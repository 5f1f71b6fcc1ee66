"""How long one inference takes in the last minute of many: what a warm device gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.field import real, text
from edgerig.figures.figure import Figure, Limit
from edgerig.figures.numbers import duration

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _told(cell: CellResult) -> str:
    """Behind the value: how it came to it."""
    kept = cell.sustained
    told = []
    if kept.throttled_after_s is not None:
        told.append(f"throttled after {kept.throttled_after_s:.0f} s, says {kept.throttled_by}")
    if kept.contended:
        told.append("contended: not ranked")
    return ", ".join(told)


SUSTAINED = Figure(
    key="sustained",
    name="sustained p50",
    unit="ms",
    value=lambda c: c.sustained.last_ms,
    reason=lambda c: c.sustained.reason,
    field="sustained_p50_ms",
    fields=(
        real("sustained_p50_ms", lambda c: c.sustained.last_ms, shown=True),
        real("sustained_first_p50_ms", lambda c: c.sustained.first_ms),
        real("sustained_last_over_first", lambda c: c.sustained.last_over_first),
        real("sustained_seconds", lambda c: c.sustained.seconds),
        real("sustained_throttled_after_s", lambda c: c.sustained.throttled_after_s),
        real("sustained_hottest_c", lambda c: c.sustained.hottest_c),
        text("sustained_reason", lambda c: c.sustained.reason or None),
    ),
    shown="sometimes",
    written=duration,
    remark=_told,
    limit=Limit("sustained_p50_ms", "positive", "slower than {} when kept at work", "{} when kept at work", on="real"),
    notes=(
        (
            "Sustained",
            "the median of the last minute of a process that infers without a pause (of less than three minutes, of "
            "the last third); the device is warm by then, and its clock may have fallen.",
        ),
    ),
)
