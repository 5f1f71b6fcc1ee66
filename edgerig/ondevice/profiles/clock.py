"""The clock profiles are taken by: nanoseconds, or guest instructions where an emulator counts them.

Runtimes tell their operators' times in whole microseconds. `native/op_clock.c`, compiled for the device, has them tell
nanoseconds or instructions instead; without it their microseconds stay.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low
from typing import Literal

from edgerig.ondevice import markers

MICROSECOND = 1000
LINE_BYTES = 128
TRIES = 15
NO_LIBRARY = "the runtime tells whole microseconds, truncated: {}"
NOT_CALLED = "the library does not ask the clock in a way that is known"


@dataclass(frozen=True)
class Clock:
    """`now` tells `unit`s since some moment; `empty` is what two readings with nothing between them differ by, and what
    a span is less. `library` makes runtimes tell the unit, None: `reason` says why they do not."""

    unit: Literal["ns", "instructions"]
    now: Callable[[], int]
    empty: int
    library: ctypes.PyDLL | None = None
    reason: str = ""
    waited: Callable[[], int] = lambda: 0
    """Nanoseconds the calling thread was kept waiting for a processor, since some moment."""

    def span(self, call: Callable[[], object]) -> int:
        """What a call takes, without what it waited for a processor: a median operator never did, so that of a whole
        that is long enough to be interrupted in each run they would be no part."""
        waited, before = self.waited(), self.now()
        call()
        after = self.now()
        return max(after - before - self.empty - (self.waited() - waited), 0)

    def speeds_up(self, file: str) -> str:
        """Has the loaded library whose file's name begins with `file` tell this clock's unit where it would tell
        microseconds. "" when it does, else why it does not."""
        if self.library is None:
            return NO_LIBRARY.format(self.reason)
        return "" if self.library.edgerig_clock_speed_up(file.encode()) else NO_LIBRARY.format(NOT_CALLED)

    def cost(self) -> int:
        """What a reading by a runtime takes, and is in what it tells."""
        return 0 if self.library is None or self.unit == "instructions" else int(self.library.edgerig_clock_cost())


class NotCounted(Exception):
    """Guest instructions cannot be counted; the message says why."""


def make(library: str, reason: str, *, count: bool) -> Clock:
    """The clock of the compiled `library`, "" where `reason` says that there is none. `count`: of guest instructions.
    Raises NotCounted when they are wanted and not told."""
    loaded, reason = _loaded(library, reason)
    if not count:
        return Clock("ns", time.perf_counter_ns, 0, loaded, reason, _waiting())
    if loaded is None:
        raise NotCounted(f"no instructions of an operator without the clock library: {reason}")
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    if not loaded.edgerig_clock_count(reader, writer):
        raise NotCounted(markers.NO_ANSWER)
    now = loaded.edgerig_clock_now
    plain = Clock("instructions", now, 0, loaded)
    return Clock("instructions", now, median_low([plain.span(_nothing) for _ in range(TRIES)]), loaded)


def _loaded(library: str, reason: str) -> tuple[ctypes.PyDLL | None, str]:
    if not library:
        return None, reason
    try:
        # PyDLL: giving up and taking back the interpreter's lock would be counted too.
        loaded = ctypes.PyDLL(library)
    except OSError as error:
        return None, f"the clock library does not load: {error}"[:300]
    loaded.edgerig_clock_now.restype = ctypes.c_uint64
    loaded.edgerig_clock_cost.restype = ctypes.c_uint64
    loaded.edgerig_clock_speed_up.argtypes = [ctypes.c_char_p]
    return loaded, ""


def _waiting() -> Callable[[], int]:
    """Reads the second field of the calling thread's schedstat (kernel: Documentation/scheduler/sched-stats.rst); 0
    where the kernel does not tell."""
    try:
        file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        int(os.pread(file, LINE_BYTES, 0).split()[1])
    except (OSError, ValueError, IndexError):
        return lambda: 0
    return lambda: int(os.pread(file, LINE_BYTES, 0).split()[1])


def _nothing() -> None:
    return None
