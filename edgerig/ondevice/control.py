"""Three computations that are always the same, timed before and after the timed loop: what they took more than in
another run, the machine took.

`clock` is a chain of instructions of which each waits for the one before: it follows the clock and nothing else. `core`
keeps a core's arithmetic units busy, and takes longer as well when another thread shares them: where the two processors
of a virtual machine are one core, a neighbour cost it 73 %, networks 10 to 60 %, and the chain nothing. `memory` is
bound by what lies behind the caches. When all take longer by as much, the machine was slower, whatever is measured
beside them; when they disagree, what another program would have taken is not known.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.ondevice.timing import once

CLOCK_BYTES = 256 * 1024
CLOCK_REPEATS = 21
CORE_NUMBERS = 4096
CORE_CALLS = 20
CORE_REPEATS = 21
MEMORY_BYTES = 64 * 2**20
"""Twice the last-level cache of a server's processor, eight times a phone's: read in order, little of it is found in a
cache that evicts what was used least recently. A thirtieth of the memory of a phone of 2 GB."""
LINE_BYTES = 64
"""Of a cache line on x86-64 and on Arm's application processors: one number is read of each, so that adding them up
takes less time than fetching them."""
MEMORY_REPEATS = 15
MEMORY_SECONDS = 0.2
"""Slow memory is read less often."""
SPARE_BYTES = 4 * MEMORY_BYTES
"""Memory the kernel must be able to give without swapping, or the buffer is left alone: a measurement must not be what
calls the out-of-memory killer."""


class Controls:
    """What the controls took each time they were measured, in nanoseconds; `reason` says why memory was not read."""

    def __init__(self) -> None:
        self.clock_ns: list[int] = []
        self.core_ns: list[int] = []
        self.memory_ns: list[int] = []
        self.reason = ""

    def measure(self) -> None:
        """All, one after the other. Caches are empty of anything else afterwards."""
        self.clock_ns.append(clock())
        self.core_ns.append(core())
        self.reason = self.reason or _no_room()
        if not self.reason:
            try:
                self.memory_ns.append(memory())
            except MemoryError:
                self.reason = f"{MEMORY_BYTES:,} bytes could not be had"

    def to_json(self) -> dict[str, Any]:
        """`{"clock_ns": [before, after], "core_ns": [before, after], "memory_ns": [before, after], "reason": ""}`."""
        return {"clock_ns": self.clock_ns, "core_ns": self.core_ns, "memory_ns": self.memory_ns, "reason": self.reason}


def clock() -> int:
    """Median nanoseconds of SHA-256 over 256 KiB.

    It stays within the second-level cache and has no path that depends on data; each round needs the one before it.
    """
    block = bytes(CLOCK_BYTES)
    return int(np.median([once(lambda: hashlib.sha256(block)) for _ in range(CLOCK_REPEATS)]))


def core() -> int:
    """Median nanoseconds of 20 times the exponential of 4096 float32 numbers, 16 KiB that stay in the first cache."""
    numbers = np.linspace(0.0, 1.0, CORE_NUMBERS, dtype=np.float32)
    out = np.empty_like(numbers)

    def call() -> None:
        for _ in range(CORE_CALLS):
            np.exp(numbers, out=out)

    return int(np.median([once(call) for _ in range(CORE_REPEATS)]))


def memory() -> int:
    """Median nanoseconds of reading 64 MiB in order, a number of every cache line. Raises MemoryError."""
    buffer: npt.NDArray[np.int64] = np.ones(MEMORY_BYTES // 8, dtype=np.int64)  # written, so that pages are behind it
    lines = buffer[:: LINE_BYTES // 8]
    lines.sum()
    end = time.perf_counter() + MEMORY_SECONDS
    found = [once(lines.sum)]
    while len(found) < MEMORY_REPEATS and time.perf_counter() < end:
        found.append(once(lines.sum))
    return int(np.median(found))


def _no_room(meminfo: str = "/proc/meminfo") -> str:
    """Why there is no room for the buffer, by MemAvailable (proc_meminfo(5)); "" where there is, or nobody tells."""
    try:
        with open(meminfo, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    spare = int(line.split()[1]) * 1024
                    return "" if spare >= SPARE_BYTES else f"{spare:,} bytes of memory are available"
    except (OSError, ValueError, IndexError):
        return ""
    return ""
