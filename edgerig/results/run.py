"""A run and where it was made."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from edgerig.results.value import Value


class RunInfo(Value):
    id: str
    started: str = Field(description="ISO 8601, UTC")
    seed: int
    order_seed: int | None = Field(default=None, description="of the order cells were run in, where that was by chance")
    command: tuple[str, ...]
    spec: dict[str, Any]


class HostInfo(Value):
    cpu: str
    cores: int
    memory_bytes: int | None
    os: str
    governor: str | None
    governor_reason: str = ""


class Environment(Value):
    edgerig: str
    python: str
    tools: dict[str, str]
    host: HostInfo
    commit: str | None = Field(
        default=None,
        description='of the folder the sweep was started in; "-dirty" when it had changes; null outside git',
    )
