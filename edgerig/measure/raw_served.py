"""What is known of a model behind a server beside its samples; see `devices/serving/record.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgerig.measure.untrusted import FromDevice, Nanoseconds, Text

Requests = Annotated[int, Field(ge=0, le=10**9)]


class RawLoad(FromDevice):
    """So many requests at once, for a while; `devices.serving.load.Load`."""

    concurrency: int = Field(ge=1, le=4096)
    requests: Requests
    failed: Requests
    wall_ns: Annotated[Nanoseconds, Field(gt=0)]
    p50_ns: Annotated[Nanoseconds, Field(gt=0)] | None
    p99_ns: Annotated[Nanoseconds, Field(gt=0)] | None
    reason: Text = ""


class RawServed(FromDevice):
    """`timed` says what the samples are of: what the server tells, or else the round trips themselves."""

    server: Text
    timed: Literal["server", "round trip"]
    reason: Text = ""
    loads: list[RawLoad] = Field(default=[], max_length=64)
