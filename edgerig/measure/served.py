"""What is concluded of a model behind a server."""

from __future__ import annotations

import numpy as np

from edgerig.measure.latency import nearest_rank
from edgerig.measure.raw import Raw
from edgerig.measure.raw_served import RawLoad
from edgerig.results import Served, ServedLoad

NOT_SERVED = "the cell ran on no server"


def served(raw: Raw) -> Served:
    told, trips = raw.run.served, raw.round_trips_ns
    if told is None or trips is None:
        return Served(reason=NOT_SERVED)
    ordered = np.sort(trips)
    return Served(
        server=told.server,
        timed=told.timed,
        round_trip_p50_ms=nearest_rank(ordered, 50) / 1e6,
        round_trip_p90_ms=nearest_rank(ordered, 90) / 1e6,
        loads=tuple(map(_load, told.loads)),
        reason=told.reason,
    )


def _load(load: RawLoad) -> ServedLoad:
    seconds = load.wall_ns / 1e9
    return ServedLoad(
        concurrency=load.concurrency,
        requests=load.requests,
        failed=load.failed,
        seconds=seconds,
        per_second=load.requests / seconds,
        p50_ms=None if load.p50_ns is None else load.p50_ns / 1e6,
        p99_ms=None if load.p99_ns is None else load.p99_ns / 1e6,
        reason=load.reason,
    )
