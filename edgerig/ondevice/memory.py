"""Peak memory, in a process of its own that is never timed.

The figure is Linux's VmHWM (proc(5)): the largest resident set the process ever had, shared library pages included.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from edgerig.ondevice import lifeline

INCLUDES = "resident set of the whole runner process: Python, numpy, the runtime's libraries, the model, one input set"
INCLUDES_EMULATOR = "; and the emulator around it with the code it translated"


def peak_rss_bytes() -> int | None:
    """VmHWM of this process in bytes; None where /proc does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def includes() -> str:
    """What `peak_rss_bytes` holds here. QEMU's user mode shows its guest the emulator's own /proc/self/status."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            name = status.readline().partition(":")[2].strip()
    except OSError:
        name = ""
    return INCLUDES + INCLUDES_EMULATOR if name.startswith("qemu-") else INCLUDES


def measure_in_fork(exercise: Callable[[Callable[[], None]], None]) -> dict[str, Any]:
    """Forks, lets the child run `exercise`, and gives back its peak.

    `exercise` is given a function to call once its runtime is imported and before the model is loaded. Must be called
    before this process imports a runtime or starts a thread; the lifeline is held meanwhile, also when the child hangs
    in the runtime. Gives `{"peak_rss_bytes", "runtime_rss_bytes", "includes"}` or `{"reason"}`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(exercise, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        lifeline.wait(reader, child)
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"reason": f"the memory pass was killed by signal {os.WTERMSIG(status)}"}
    found: dict[str, Any] = json.loads(answer) if answer else {"reason": "the memory pass gave no answer"}
    return found


def _child(exercise: Callable[[Callable[[], None]], None], writer: int) -> None:
    """Never returns: an exception of the child must not run the parent's code a second time."""
    before_model: list[int | None] = []
    try:
        exercise(lambda: before_model.append(peak_rss_bytes()))
        peak = peak_rss_bytes()
        found: dict[str, Any] = (
            {"reason": "/proc/self/status has no VmHWM"}
            if peak is None
            else {
                "peak_rss_bytes": peak,
                "runtime_rss_bytes": before_model[0] if before_model else None,
                "includes": includes(),
            }
        )
    except Exception as error:
        found = {"reason": f"the memory pass failed: {type(error).__name__}: {error}"[:500]}
    os.write(writer, json.dumps(found).encode())
    os._exit(0)
