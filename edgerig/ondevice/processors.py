"""The processors this process may use: how many there are, and keeping to some of them.

sched_getaffinity(2)               those the kernel may place it on (taskset, cpusets); Linux alone has it: elsewhere
                                   all of them count, and none can be kept to
cpu.max of its cgroup and those    "MAX PERIOD" in microseconds, or "max": the processor time it may take in a
above (cgroups(7); kernel:         period, all its threads together
admin-guide/cgroup-v2.rst)
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence

EXACT_INT8 = frozenset({"avx512_vnni", "avx_vnni"})
"""What /proc/cpuinfo calls the features with which an x86 processor multiplies unsigned by signed 8-bit numbers without
saturating (Intel's manual, VPDPBUSD)."""


def available(root: str = "/") -> int:
    """How many threads can run at once, at least 1: the processors of this thread's affinity, no more than its cgroups'
    bandwidth keeps busy, rounded up as the JVM rounds it. `root` is the file system's."""
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return max(1, min([len(_allowed()), *quotas]))


def keep_to(processors: Sequence[int]) -> None:
    """Places the threads of this process, and those and the processes that they start, on these processors and no
    others.

    Raises ValueError unless all of them are there: the kernel takes those that are and says nothing of the others.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"processors {_listed(set(processors))} were asked for; this system keeps nobody to some")
    before = _allowed()
    wanted = set(processors)
    for thread in (0, *threads()):  # 0 is the calling one
        with contextlib.suppress(OSError):  # EINVAL where there is none of them: what is in force is looked at below
            os.sched_setaffinity(thread, wanted)
    if os.sched_getaffinity(0) != wanted:
        named, there = _listed(wanted), _listed(before)
        raise ValueError(f"processors {named} were asked for; the runner may use {there}")


def multiplies_exactly(root: str = "/") -> bool:
    """Has every processor of this machine one of EXACT_INT8? False where no kernel tells."""
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="ascii", errors="replace") as told:
            flags = [line.partition(":")[2].split() for line in told if line.startswith("flags")]
    except OSError:
        return False
    return bool(flags) and all(EXACT_INT8.intersection(each) for each in flags)


def threads() -> list[int]:
    """The ids of this process' threads; none where no kernel lists them."""
    try:
        return sorted(int(name) for name in os.listdir("/proc/self/task") if name.isdigit())
    except OSError:
        return []


def allowed() -> list[int]:
    """Those this thread may be placed on, ascending."""
    return sorted(_allowed())


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _listed(processors: set[int]) -> str:
    return ", ".join(map(str, sorted(processors)))


def cgroups(root: str = "/") -> Iterator[str]:
    """The folders of this process' cgroup of version 2 and of those above it; none where there is none to be seen."""
    mounted = os.path.join(root, "sys/fs/cgroup")
    group = _group(root)
    while group is not None:
        yield os.path.join(mounted, group)
        group = os.path.dirname(group) if group else None


def _quotas(root: str) -> Iterator[float]:
    """Processors worth of time per period, of each cgroup that has a limit."""
    for folder in cgroups(root):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError), open(os.path.join(folder, "cpu.max")) as file:
            most, period = file.read(64).split()
            yield int(most) / int(period)


def _group(root: str) -> str | None:
    """This process' cgroup of version 2 below the mount; None where there is none to be seen."""
    with contextlib.suppress(OSError), open(os.path.join(root, "proc/self/cgroup")) as file:
        for line in file:
            if line.startswith("0::/") and "/.." not in line:
                return line[len("0::/") :].rstrip("\n")
    return None
