"""A model behind a server: what requests took from here, and how many were answered at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.results.value import Value


class ServedLoad(Value):
    """So many requests under way at once, in a bounded time."""

    concurrency: int
    requests: int = Field(description="answered")
    failed: int = Field(default=0, description="clients that stopped at a request that was not")
    seconds: float
    per_second: float
    p50_ms: float | None = Field(default=None, description="round trip of those answered, nearest-rank")
    p99_ms: float | None = None
    reason: str = Field(default="", description="why the first of those failed that did")


class Served(Value):
    """`latency` is the server's own where it tells it, from having a request to having its answer, the queue included;
    else, as `timed` says, it is the round trip."""

    server: str = ""
    timed: Literal["", "server", "round trip"] = Field(default="", description="what the cell's latency is of")
    round_trip_p50_ms: float | None = Field(default=None, description="one request after the other, nearest-rank")
    round_trip_p90_ms: float | None = None
    loads: tuple[ServedLoad, ...] = ()
    reason: str = Field(default="", description="why it is not the server's own, or why nothing was served")

    @property
    def best(self) -> ServedLoad | None:
        """That of the most answers a second, of those that failed in none."""
        whole = [load for load in self.loads if not load.failed and load.requests]
        return max(whole, key=lambda load: load.per_second, default=None)
