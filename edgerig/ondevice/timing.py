"""The timed loop: one clock read on each side of one inference, every sample kept.

Stopping rule as in LiteRT's benchmark_model: a minimum of runs *and* a minimum of seconds, with a cap in seconds.
The loop pauses between inferences to have the device's state read: a sampler on another core would still take memory
bandwidth, heat and, on one core, time from what is timed.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int64]
FIRST_BURST_NS = 250_000_000
"""How long the loop runs before its first pause, in nanoseconds."""
BURST_GROWTH = 1.1
"""Each burst is so much longer than the one before: 150 s have 43 pauses, most while the device warms up."""
REWARMED_NS = 10_000_000
"""Below this, a pause's traces in the caches would show in the inference after it."""


def once(call: Callable[[], object]) -> int:
    """Nanoseconds of one call."""
    clock = time.perf_counter_ns
    start = clock()
    call()
    return clock() - start


def steady(
    call: Callable[[], object],
    *,
    min_runs: int,
    min_seconds: float,
    max_seconds: float,
    pause: Callable[[], object] | None = None,
) -> Samples:
    """Nanoseconds of each call, in order, until both minima are met or the cap is reached (at least one call).

    Garbage collection is off inside the loop: it is the interpreter's work, not the runtime's. `pause` is called
    between two calls after each burst; after it a short call is made once without being timed, as after a warm-up.
    """
    clock = time.perf_counter_ns
    samples: list[int] = []
    append = samples.append
    enabled = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        enough, cap = begin + int(min_seconds * 1e9), begin + int(max_seconds * 1e9)
        burst = FIRST_BURST_NS
        pause_at = begin + burst if pause is not None else cap
        while True:
            start = clock()
            call()
            end = clock()
            append(end - start)
            if end >= cap or (end >= enough and len(samples) >= min_runs):
                return np.asarray(samples, dtype=np.int64)
            if end >= pause_at and pause is not None:
                pause()
                if end - start < REWARMED_NS:
                    call()
                burst = int(burst * BURST_GROWTH)
                pause_at = clock() + burst
    finally:
        if enabled:
            gc.enable()


def overhead(repeats: int = 1001) -> int:
    """Median nanoseconds this loop adds to a sample: two clock reads around a call that does nothing."""
    return int(np.median([once(_nothing) for _ in range(repeats)]))


def _nothing() -> None:
    return None
