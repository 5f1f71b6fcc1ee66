"""The timed loop: one clock read on each side of one inference, every sample kept.

Stopping rule as in LiteRT's benchmark_model: a minimum of runs *and* a minimum of seconds, with a cap in seconds.
The loop pauses between inferences to have the device's state read: a sampler on another core would still take memory
bandwidth, heat and, on one core, time from what is timed. Between bursts of some tenths of a millisecond, so
between any two inferences that are longer, it has read whether the threads got the processor (`contention.py`): some
microseconds that are in no sample.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgerig.ondevice.contention import Watch
from edgerig.ondevice.energy import Metered

Samples = npt.NDArray[np.int64]
FIRST_BURST_NS = 250_000_000
"""How long the loop runs before its first pause, in nanoseconds."""
BURST_GROWTH = 1.1
"""Each burst is so much longer than the one before: 150 s have 43 pauses, most while the device warms up."""
READ_AFTER_NS = 200_000
"""The least that lies between two readings of a watch: what shares a core was seen to come and go within a millisecond,
and of bursts of that length with a quiet core at both ends every seventh was disturbed between them."""
READ_SHARE = 10
"""And as many times as long as a reading takes, so that nine tenths of the loop are what is timed."""
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
    watch: Watch | Metered | None = None,
) -> Samples:
    """Nanoseconds of each call, in order, until both minima are met or the cap is reached (at least one call).

    Garbage collection is off inside the loop: it is the interpreter's work, not the runtime's. `pause` is called
    between two calls after each burst; after it a short call is made once without being timed, as after a warm-up.
    `watch` reads between bursts of its own, which together hold every sample.
    """
    clock = time.perf_counter_ns
    samples: list[int] = []
    append = samples.append
    enabled = gc.isenabled()
    gc.disable()
    try:
        watched = _Watched(watch)
        begin = clock()
        enough, cap = begin + int(min_seconds * 1e9), begin + int(max_seconds * 1e9)
        stretch = FIRST_BURST_NS
        pause_at = begin + stretch if pause is not None else cap
        read_at = watched.begin()
        while True:
            start = clock()
            call()
            end = clock()
            append(end - start)
            if end >= cap or (end >= enough and len(samples) >= min_runs):
                watched.rest(len(samples))
                return np.asarray(samples, dtype=np.int64)
            if end >= pause_at and pause is not None:
                watched.rest(len(samples))
                pause()
                if end - start < REWARMED_NS:
                    call()
                stretch = int(stretch * BURST_GROWTH)
                pause_at = clock() + stretch
                read_at = watched.begin()
            elif end >= read_at:
                read_at = watched.read(len(samples))
    finally:
        if enabled:
            gc.enable()


class _Watched:
    """A watch as the loop calls it, or none: each call gives the time from which on it is to be read again."""

    def __init__(self, watch: Watch | Metered | None) -> None:
        self._watch = watch
        self._counted = 0
        self._after = 0 if watch is None else max(READ_AFTER_NS, READ_SHARE * watch.cost_ns)

    def begin(self) -> float:
        if self._watch is None:
            return math.inf
        self._watch.begin()
        return time.perf_counter_ns() + self._after

    def read(self, samples: int) -> float:
        if self._watch is None:
            return math.inf
        self._watch.read(samples - self._counted)
        self._counted = samples
        return time.perf_counter_ns() + self._after

    def rest(self, samples: int) -> None:
        if self._watch is not None:
            self.read(samples)
            self._watch.rest()


def overhead(repeats: int = 1001) -> int:
    """Median nanoseconds this loop adds to a sample: two clock reads around a call that does nothing."""
    return int(np.median([once(_nothing) for _ in range(repeats)]))


def _nothing() -> None:
    return None
