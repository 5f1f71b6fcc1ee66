"""What the transfer benchmarks share: the links files are sent over, and what their command lines take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MEGABYTE = 10**6
LEAST_MEGABYTES = 0.1
"""Smaller files are not kept on a device."""
Send = Callable[[Path, str], None]
"""Sends a local file to a path on the device."""


@dataclass(frozen=True)
class Link:
    """What a proxy in user space does to a link: nothing, a delay, or a bound on its throughput."""

    round_trip_s: float = 0.0
    bytes_per_s: float | None = None

    @property
    def plain(self) -> bool:
        return self.round_trip_s == 0 and self.bytes_per_s is None


LINKS = {"loopback": Link(), "delayed": Link(round_trip_s=0.05), "throttled": Link(bytes_per_s=100e6 / 8)}


def arguments(description: str | None, most_megabytes: float) -> argparse.Namespace:
    """`rounds`, `megabytes` and `link` of a benchmark's command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="files each side sends (default 5)")
    parser.add_argument("--megabytes", type=float, default=50, help="size of a file (default 50)")
    parser.add_argument("--link", action="append", choices=sorted(LINKS), help="repeatable (default all)")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not LEAST_MEGABYTES <= given.megabytes <= most_megabytes:
        parser.error(f"--megabytes must be from {LEAST_MEGABYTES:g} to {most_megabytes:g}")
    return given


def rate(size: int, seconds: list[float]) -> str:
    """Megabytes a second, of the median."""
    return f"{size / MEGABYTE / median(seconds):.1f}"
