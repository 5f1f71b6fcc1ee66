"""The transport seam: how the host reaches a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edgerig.process import Finished
from edgerig.results import DeviceRecord


class Transport(Protocol):
    """A context manager; entering reaches the device, leaving leaves nothing of ours running there.

    Every method raises DeviceError when the device cannot be reached. Remote paths are absolute strings.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        """Runs `argv` there, quoted exactly, with none of the host's environment.

        Its standard input stays open until it ends, and closes when the link or the host goes away. At the deadline it
        is killed on the device, its children with it, and the result says `timed_out`.
        """

    def push(self, local: Path, remote: str) -> None:
        """Sends a file; on return the whole file stands at `remote`, never half of it. Its folder must exist."""

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        """Fetches a file of at most `limit_bytes`. Raises DeviceError when there is none or it is larger, and NotKept
        when it cannot be written here."""

    def probe(self) -> DeviceRecord:
        """What the device is and the state it is in now."""


class RemoteTransport(Transport, Protocol):
    """A transport to a device that stands by itself: reaching it makes nothing ready."""

    def prepare(self) -> str:
        """Makes the device's workdir, if it is not there, and gives the kernel's name for its architecture
        (`uname -m`). Raises DeviceError when the workdir cannot be used."""
