"""The clock profiles are taken by: nanoseconds, or guest instructions where an emulator counts them.

Runtimes tell their operators' times in whole microseconds. `native/op_clock.c`, compiled for the device, has them tell
nanoseconds or instructions instead; without it their microseconds stay.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low
from typing import Literal

from edgerig.ondevice import markers

MICROSECOND = 1000
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

    def span(self, call: Callable[[], object]) -> int:
        """What a call takes."""
        before = self.now()
        call()
        return max(self.now() - before - self.empty, 0)

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
        return Clock("ns", time.perf_counter_ns, 0, loaded, reason)
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


def _nothing() -> None:
    return None
