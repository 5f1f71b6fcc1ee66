"""The limits of a command line: what a device, or the way there, does not take."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.errors import DeviceError


def check_argv(argv: Sequence[str]) -> None:
    """Raises ValueError for a command no system call could carry."""
    if not argv or any("\0" in part for part in argv):
        raise ValueError("a command needs a program and no argument with a NUL byte")


def check_length(line: bytes, argv: Sequence[str], limit_bytes: int, taker: str) -> None:
    """Raises DeviceError when `line`, which runs `argv`, is longer than `taker` takes."""
    if len(line) > limit_bytes:
        raise DeviceError(
            f"the command {argv[0]} with its arguments takes {len(line)} bytes, {taker} takes {limit_bytes}",
            hint="push the arguments as a file",
        )
