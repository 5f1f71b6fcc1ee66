"""The transport seam: how the host reaches a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edgerig.results import DeviceRecord


@dataclass(frozen=True)
class CommandResult:
    """An ended command. `returncode` is negative for a signal; streams are raw bytes, each bounded by the transport."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool


class Transport(Protocol):
    """A context manager; entering reaches the device, leaving leaves nothing of ours running there.

    Every method raises DeviceError when the device cannot be reached. Remote paths are absolute strings.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None: ...

    def run(self, argv: Sequence[str], timeout_s: float) -> CommandResult:
        """Runs `argv` there, with none of the host's environment; killed at the deadline, its children with it."""

    def push(self, local: Path, remote: str) -> None:
        """Sends a file; on return the whole file stands at `remote`."""

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        """Fetches a file of at most `limit_bytes`. Raises DeviceError when there is none or it is larger."""

    def probe(self) -> DeviceRecord:
        """What the device is and the state it is in now."""

    def workspace(self) -> str:
        """A fresh folder on the device, removed when the transport is left."""

    def python(self) -> list[str]:
        """The command that starts Python 3.11+ with numpy and the runtimes there."""

    def runtime_library(self, engine: str) -> tuple[str | None, str]:
        """Path of the native library the engine needs there, or None and why it does without."""
