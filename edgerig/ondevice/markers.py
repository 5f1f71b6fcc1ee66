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
"""The prctl option of a marker: "ERIG", no option of Linux's; the same in `devices/instructions.c`."""
WARMUP_RUNS = 5
REPEATS = 11
LINE_LIMIT_BYTES = 64
NO_ANSWER = "the runner's markers were not answered: no counting plugin is loaded in the emulator"


def count(call: Callable[[], object]) -> dict[str, Any]:
    """Instructions of each of `REPEATS` calls, as `{"counts", "empty"}`, or `{"reason"}` where nothing counts them.

    A count is all that one thread executes between two markers: the call and the interpreter's work around it. `empty`
    are counts of a call that does nothing, taken the same way: what a count holds beside the inference. Only the first
    marker's way back into Python and the second's way out are in both, and the interpreter's own call of a function.
    Garbage collection is off, as in the timed loop.
    """
    reader, writer = os.pipe()
    enabled = gc.isenabled()
    gc.disable()
    try:
        os.set_blocking(reader, False)
        mark = partial(ctypes.CDLL(None).prctl, ctypes.c_int(MARK), ctypes.c_ulong(writer))
        return {"counts": _pairs(call, mark, reader), "empty": _pairs(_nothing, mark, reader)}
    except BlockingIOError:
        return {"reason": NO_ANSWER}
    finally:
        if enabled:
            gc.enable()
        os.close(reader)
        os.close(writer)


def _pairs(call: Callable[[], object], mark: Callable[[], object], reader: int) -> list[int]:
    """Counts of single calls, the first `WARMUP_RUNS` of which (this loop's own warm-up) are dropped.

    Raises BlockingIOError when a marker is not answered.
    """
    counts = []
    for _ in range(WARMUP_RUNS + REPEATS):
        mark()
        call()
        mark()
        before, after = os.read(reader, LINE_LIMIT_BYTES).split()
        counts.append(int(after) - int(before))
    return counts[WARMUP_RUNS:]


def _nothing() -> None:
    return None
