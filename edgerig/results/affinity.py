"""The processors a cell's runner was held to, as they were in force, and the clusters the device has."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Value


class CpuCluster(Value):
    """Processors that are alike, by the kernel's word."""

    processors: tuple[int, ...]
    max_frequency_khz: int | None = None
    capacity: int | None = Field(default=None, description="of 1024, which the fastest processor has")


class Mask(Value):
    """Threads of the runner that may be placed on the same processors; `name` is the first one's."""

    name: str = ""
    threads: int
    processors: tuple[int, ...]


class Affinity(Value):
    asked: tuple[int, ...] = Field(default=(), description="processors it was to be held to; empty: to none")
    cluster: str = Field(default="", description="what they were called: big or little; empty: by number, if at all")
    processors: tuple[int, ...] = Field(default=(), description="those the runner's first thread could use")
    elsewhere: tuple[Mask, ...] = Field(default=(), description="threads that could use others than asked for")
    at_once: int | None = Field(
        default=None, description="threads that can run at once there, cgroups' limits included"
    )
    clusters: tuple[CpuCluster, ...] = Field(default=(), description="of the device, the slowest first")
    reason: str = ""
