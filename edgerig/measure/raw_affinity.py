"""What a runner says of the processors it was held to; see `ondevice/affinity.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edgerig.errors import printable
from edgerig.measure.untrusted import FromDevice, Processor, Text


class RawMask(FromDevice):
    name: Annotated[str, Field(max_length=64), AfterValidator(printable)] = ""
    threads: int = Field(ge=1, le=65536)
    processors: list[Processor] = Field(max_length=4096)


class RawCluster(FromDevice):
    processors: list[Processor] = Field(max_length=4096)
    max_frequency_khz: int | None = Field(default=None, ge=0, le=10**9)
    capacity: int | None = Field(default=None, ge=0, le=10**6)


class RawAffinity(FromDevice):
    """The processors that were asked for and those in force; see `ondevice/affinity.py`."""

    asked: list[Processor] = Field(default=[], max_length=4096)
    cluster: Annotated[str, Field(max_length=20), AfterValidator(printable)] = ""
    processors: list[Processor] = Field(default=[], max_length=4096)
    masks: list[RawMask] = Field(default=[], max_length=64)
    at_once: int | None = Field(default=None, ge=1, le=65536)
    clusters: list[RawCluster] = Field(default=[], max_length=64)
    reason: Text = ""
