"""What the reference cell of a device says of how the device drifted through a sweep. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgerig.figures import numbers
from edgerig.measure import contention
from edgerig.measure.drift import SHOWS
from edgerig.measure.latency import median_interval, process_medians
from edgerig.measure.raw import Raw
from edgerig.results import CellOrder, Drift, ReferenceVisit

FAILED = "the reference cell ran less than twice"


@dataclass(frozen=True)
class Visited:
    """The reference's `number`-th raw run, which ended at `at` (seconds since the epoch, None: nobody noted)."""

    number: int
    at: float | None
    raw: Raw


def drift(reference: str, seed: int, visited: Sequence[Visited]) -> Drift:
    """Over a sweep, of the visits in the order they were made."""
    visits = tuple(_visit(each, visited[0].at) for each in visited)
    plain = Drift(reference=reference, seed=seed, visits=visits)
    if len(visits) < 2:
        return plain.model_copy(update={"reason": FAILED})
    medians = [visit.p50_ms for visit in visits]
    return plain.model_copy(
        update={
            "spread": max(medians) / min(medians) - 1,
            "last_over_first": medians[-1] / medians[0] - 1,
            "shows": any_shows(visits),
        }
    )


def around(block: int, number: int, before: ReferenceVisit | None, after: ReferenceVisit | None) -> CellOrder:
    """Of a cell in that place, between two visits."""
    if before is None or after is None:
        return CellOrder(block=block, number=number)
    change = after.p50_ms / before.p50_ms - 1
    return CellOrder(block=block, number=number, change=change, shows=_shows(before, after))


def signs(order: CellOrder | None, drifts: Mapping[str, Drift], device: str) -> list[str]:
    """What says that the device drifted while the cell was run; empty: nothing does."""
    if order is None or order.change is None or not order.shows:
        return []
    faster = "slower" if order.change > 0 else "faster"
    reference = drifts[device].reference if device in drifts else ""
    change = numbers.significant(100 * abs(order.change), 2)
    return [f"the reference cell ({reference}) got {change} % {faster} around it"]


def _visit(visited: Visited, first: float | None) -> ReferenceVisit:
    timed = contention.select(visited.raw)
    interval = median_interval(timed.processes_ns)
    after = visited.raw.run.state.after
    medians = process_medians(timed.processes_ns)
    return ReferenceVisit(
        number=visited.number,
        seconds=None if visited.at is None or first is None else visited.at - first,
        p50_ms=sorted(medians)[len(medians) // 2] if interval is None else (interval.low_ms * interval.high_ms) ** 0.5,
        low_ms=None if interval is None else interval.low_ms,
        high_ms=None if interval is None else interval.high_ms,
        temperature_c=None if after is None else after.temperature_c,
        frequency_khz=None if after is None else after.frequency_khz,
    )


def any_shows(visits: Sequence[ReferenceVisit]) -> bool:
    """Does any pair of them show? Of a slower one's partners, those whose median is far enough below its own are a
    beginning of the order of medians, of which the one whose interval ends first is the easiest to be above."""
    ordered = sorted((visit for visit in visits if visit.high_ms is not None), key=lambda visit: visit.p50_ms)
    far, ends = 0, math.inf
    for visit in ordered:
        while visit.p50_ms / ordered[far].p50_ms - 1 >= SHOWS:
            ends, far = min(ends, ordered[far].high_ms or math.inf), far + 1
        if visit.low_ms is not None and ends < visit.low_ms:
            return True
    return False


def _shows(one: ReferenceVisit, other: ReferenceVisit) -> bool:
    """Medians further apart than counts, and neither interval reaches the other."""
    low, high = sorted((one, other), key=lambda visit: visit.p50_ms)
    if high.p50_ms / low.p50_ms - 1 < SHOWS:
        return False
    return low.high_ms is not None and high.low_ms is not None and low.high_ms < high.low_ms
