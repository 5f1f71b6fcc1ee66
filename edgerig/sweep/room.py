"""Is there room on this machine for one more process that builds: a processor that nobody waits for, and memory?

/proc/loadavg               its fourth field begins with how many threads run or wait to run (proc(5)); psutil has no
                            such figure. Without /proc it is as many as there were busy processors meanwhile
psutil.virtual_memory()     `available`, what is to be had without swapping (of Linux, MemAvailable in /proc/meminfo)
memory.max, memory.current  of this process' cgroup and of those above it; of what is in use, inactive_file in
                            memory.stat is cached files and given back on demand (kernel: admin-guide/cgroup-v2.rst)
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from edgerig.ondevice import processors

BUILD_BYTES = 2 * 2**30
"""What a build's process may need; those of mobilenet_v2 take 0.6 to 0.9 GB at their highest."""
LOOKS, BETWEEN_LOOKS_S = 3, 0.02
"""A thread that runs for a moment is no load: the fewest of several looks count."""


def for_one_more(root: str = "/") -> bool:
    """`root` is the file system's, of Linux. What the system does not tell is no hindrance."""
    return _running(root) <= (os.cpu_count() or 1) and min(_free_bytes(root), default=BUILD_BYTES) >= BUILD_BYTES


def _running(root: str) -> int:
    """Threads of the whole machine that run or wait to run, this one among them."""
    if not Path(root, "proc").is_dir():
        return 1 + round(psutil.cpu_percent(LOOKS * BETWEEN_LOOKS_S) / 100 * (os.cpu_count() or 1))
    found = []
    for look in range(LOOKS):
        time.sleep(BETWEEN_LOOKS_S if look else 0)
        said = re.match(r"(?:\S+ ){3}(\d+)/", _read(Path(root, "proc/loadavg")))
        found.append(int(said[1]) if said else 1)
    return min(found)


def _free_bytes(root: str) -> Iterator[int]:
    """Of the machine, and of each cgroup that has a limit."""
    with contextlib.suppress(OSError, RuntimeError):
        yield int(psutil.virtual_memory().available)
    for folder in processors.cgroups(root):
        said = re.search(r"^inactive_file (\d+)", _read(Path(folder, "memory.stat")), re.MULTILINE)
        with contextlib.suppress(ValueError):  # "max": it has no limit
            used = int(_read(Path(folder, "memory.current"))) - (int(said[1]) if said else 0)
            yield int(_read(Path(folder, "memory.max"))) - used


def _read(path: Path) -> str:
    """ "" for what cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
