"""The timed loop: one clock read on each side of one inference, every sample kept.

Stopping rule as in LiteRT's benchmark_model: a minimum of runs *and* a minimum of seconds, with a cap in seconds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int64]


def once(call: Callable[[], object]) -> int:
    """Nanoseconds of one call."""
    clock = time.perf_counter_ns
    start = clock()
    call()
    return clock() - start


def steady(call: Callable[[], object], *, min_runs: int, min_seconds: float, max_seconds: float) -> Samples:
    """Nanoseconds of each call, in order, until both minima are met or the cap is reached (at least one call).

    Garbage collection is off inside the loop: it is the interpreter's work, not the runtime's.
    """
    clock = time.perf_counter_ns
    samples: list[int] = []
    append = samples.append
    enabled = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        enough, cap = begin + int(min_seconds * 1e9), begin + int(max_seconds * 1e9)
        while True:
            start = clock()
            call()
            end = clock()
            append(end - start)
            if end >= cap or (end >= enough and len(samples) >= min_runs):
                return np.asarray(samples, dtype=np.int64)
    finally:
        if enabled:
            gc.enable()


def overhead(repeats: int = 1001) -> int:
    """Median nanoseconds this loop adds to a sample: two clock reads around a call that does nothing."""
    return int(np.median([once(_nothing) for _ in range(repeats)]))


def _nothing() -> None:
    return None
