"""Guest instructions of single inferences, where the emulator counts them.

A marker is the system call prctl(2) with an option of our own and a file descriptor. The counting plugin of QEMU's user
mode answers it by writing the number of instructions executed so far to that descriptor; a real kernel refuses it.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from functools import partial
from typing import Any

MARK = 0x45524947
"""The prctl option of a marker: "ERIG", no option of Linux's; the same in `devices/qemu/instructions.c`."""
REPEATS = 7
RUNS = 27
"""The repeats and what goes before them: the interpreter specializes its bytecode in the first turns (PEP 659)."""
ENOUGH_INSTRUCTIONS = 200_000_000
"""About a second of emulation; a model that takes more in `REPEATS` runs is not run further, as the interpreter's few
hundred instructions do not matter there. (A limit in seconds would make the count depend on the host.)"""
LINE_LIMIT_BYTES = 64
NO_ANSWER = "the runner's markers were not answered: no counting plugin is loaded in the emulator"


def count(call: Callable[[], object]) -> dict[str, Any]:
    """Instructions of each of the last `REPEATS` calls, as `{"counts", "empty"}`, or `{"reason"}`: nothing counts.

    A count is all the process executes between two markers: the call, and the interpreter's work on the markers and
    the call. `empty` are counts of a call that does nothing, taken in the same way: that work alone. Garbage collection
    is off, as in the timed loop.
    """
    reader, writer = os.pipe()
    enabled = gc.isenabled()
    gc.disable()
    try:
        os.set_blocking(reader, False)
        # PyDLL: giving up and taking back the interpreter's lock would be counted too.
        mark = partial(ctypes.PyDLL(None).prctl, ctypes.c_int(MARK), ctypes.c_ulong(writer))
        return {"counts": _pairs(call, mark, reader), "empty": _pairs(_nothing, mark, reader)}
    except BlockingIOError:
        return {"reason": NO_ANSWER}
    finally:
        if enabled:
            gc.enable()
        os.close(reader)
        os.close(writer)


def _pairs(call: Callable[[], object], mark: Callable[[], object], reader: int) -> list[int]:
    """Counts of the last `REPEATS` of up to `RUNS` calls. Raises BlockingIOError when a marker is not answered."""
    counts: list[int] = []
    while len(counts) < REPEATS or (len(counts) < RUNS and sum(counts) < ENOUGH_INSTRUCTIONS):
        mark()
        call()
        mark()
        before, after = os.read(reader, LINE_LIMIT_BYTES).split()
        counts.append(int(after) - int(before))
    return counts[-REPEATS:]


def _nothing() -> None:
    return None
