"""Whether something shares the core that no kernel of this machine knows of: a thread of another machine on the same
host. Two short computations between bursts of samples tell.

A processor of a virtual machine is often one of a core's two threads, and the other one is a stranger's. While that one
works, the core's units are shared: on a virtual machine with 2 processors (AMD EPYC) a network of 22.7 µs took 31 µs,
and one of 192 µs took 306, for nine tenths of the time, with nothing waiting, nothing stolen and nobody else at work.
`Core` took 1.8 µs alone and 2.8 µs or more then, beside any network. The samples that lay between two fast ones were
the same in each process to 0.3 %, where the medians of whole processes differed by 20 %.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np

NUMBERS = 1024
"""4 KiB, and as much for the results: most of a first-level cache (32 KiB or more) stays the network's."""
CALLS = 6
"""The first ones find other code and numbers in the caches: the network's."""
CHAIN_BYTES = 64 * 1024
CHAIN_REPEATS = 5


class Core:
    """Exponentials of float32 numbers, independent of each other: they keep a core's arithmetic units busy."""

    def __init__(self) -> None:
        self._numbers = np.linspace(0.0, 1.0, NUMBERS, dtype=np.float32)
        self._out = np.empty_like(self._numbers)

    def time_ns(self) -> int:
        """Least nanoseconds of `CALLS` calls."""
        found = []
        for _ in range(CALLS):
            begin = time.perf_counter_ns()
            np.exp(self._numbers, out=self._out)
            found.append(time.perf_counter_ns() - begin)
        return min(found)


def chain_ns() -> int:
    """Least nanoseconds of SHA-256 over 64 KiB, whose rounds each need the one before: another thread on the core costs
    it little, a slower clock as much as everything else. What `Core` took over it tells the two apart."""
    block, found = bytes(CHAIN_BYTES), []
    for _ in range(CHAIN_REPEATS):
        begin = time.perf_counter_ns()
        hashlib.sha256(block)
        found.append(time.perf_counter_ns() - begin)
    return min(found)
