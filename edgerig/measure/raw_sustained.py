"""What a runner says of a loop that was kept up for minutes; see `ondevice/sustained.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgerig.measure.untrusted import FromDevice, Nanoseconds, Processor, Text, Total

MAX_WINDOWS = 1000
SUSTAINED = "sustained"
"""The folder of the process that was kept at work, in the cell's."""


class RawWindow(FromDevice):
    at_ns: Nanoseconds
    wall_ns: Annotated[Nanoseconds, Field(gt=0)]
    inferences: int = Field(ge=1, le=10**10)
    p50_ns: Annotated[Nanoseconds, Field(gt=0)]
    p90_ns: Annotated[Nanoseconds, Field(gt=0)]
    microjoules: int | None = Field(default=None, ge=0, le=10**13)
    temperature_c: float | None = Field(default=None, ge=-60, le=200)
    cpu: Processor | None = None
    frequency_khz: int | None = Field(default=None, ge=0, le=10**9)
    max_frequency_khz: int | None = Field(default=None, ge=0, le=10**9)
    throttled_bits: int | None = Field(default=None, ge=0, lt=2**32)
    waited_ns: Total | None = None
    idle_ns: Total | None = None
    steal_ns: Total | None = None
    own_ns: Total | None = None


class RawSustained(FromDevice):
    """`reason`: why there are no windows, of what cannot be kept at work."""

    windows: list[RawWindow] = Field(default=[], max_length=MAX_WINDOWS)
    cpus: int = Field(default=1, ge=1, le=65536)
    reasons: dict[Annotated[str, Field(max_length=40)], Text] = Field(default={}, max_length=40)
    reason: Text = ""
