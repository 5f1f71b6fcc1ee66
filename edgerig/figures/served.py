"""What a model behind a server gives whoever asks it: the round trip, and answers a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.field import real, text, whole
from edgerig.figures.figure import Figure
from edgerig.figures.numbers import duration

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _rate(cell: CellResult) -> float | None:
    return None if cell.served.best is None else cell.served.best.per_second


def _at(cell: CellResult) -> int | None:
    return None if cell.served.best is None else cell.served.best.concurrency


def _why_no_rate(cell: CellResult) -> str:
    failed = [load.reason for load in cell.served.loads if load.failed]
    return failed[0] if failed else cell.served.reason or "no load was put on it"


def _each(cell: CellResult) -> str:
    """Every concurrency's, behind the best; of one whose clients did not all go on there is no rate: it was less."""
    told = [
        f"{load.concurrency}: " + (f"{load.failed} failed" if load.failed else f"{load.per_second:.0f}/s")
        for load in cell.served.loads
    ]
    return f"at once {', '.join(told)}" if told else ""


def _timed(cell: CellResult) -> str:
    return "" if cell.served.timed != "round trip" else "which the latency is too: the server tells none"


ROUND_TRIP = Figure(
    key="round_trip",
    name="round trip p50",
    unit="ms",
    value=lambda c: c.served.round_trip_p50_ms,
    reason=lambda c: c.served.reason,
    field="round_trip_p50_ms",
    fields=(
        real("round_trip_p50_ms", lambda c: c.served.round_trip_p50_ms, shown=True),
        real("round_trip_p90_ms", lambda c: c.served.round_trip_p90_ms),
        text("served_by", lambda c: c.served.server or None),
        text("latency_timed_by", lambda c: c.served.timed or None),
    ),
    shown="sometimes",
    written=duration,
    remark=_timed,
    notes=(
        (
            "Round trip",
            "of a model behind a server: from sending a request to having its answer, one after the other. The latency "
            "beside it is the server's own, from having the request to having the answer, wherever it tells that.",
        ),
    ),
)
SERVED = Figure(
    key="served",
    name="answers a second",
    unit="1/s",
    value=_rate,
    reason=_why_no_rate,
    field="served_per_second",
    fields=(
        real("served_per_second", _rate, shown=True),
        whole("served_at_once", _at),
        text("served_loads", lambda c: _each(c) or None),
    ),
    shown="sometimes",
    better="higher",
    scale=("1/s", 1),
    remark=_each,
    notes=(
        (
            "Answers a second",
            "the most of a model behind a server, over the numbers of requests that were under way at once; the "
            "clients are on this machine and take processor time from a server there.",
        ),
    ),
)
