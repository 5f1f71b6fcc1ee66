"""Whether other processes took the processor from the timed threads, or worked beside them: read between bursts of
samples, never inside one.

    /proc/self/task/TID/schedstat   ns on the processor, ns runnable but waiting for one, times scheduled (kernel:
                                    Documentation/scheduler/sched-stats.rst); all zeros without CONFIG_SCHED_INFO
    clock_gettime(2), getrusage(2)  processor time of the calling thread, its voluntary and the process' involuntary
                                    switches
    /proc/loadavg, field 4          threads that run or wait for a processor now, on the whole machine (proc(5))
    /proc/stat, line "cpu"          the machine's idle time and what a hypervisor took, in clock ticks (proc(5))
    two computations                whether another machine's thread shares the core (`sharing.py`)

Each is a thing the others do not see: schedstat no hypervisor and no neighbour on another core, the thread's clock no
other thread, the load average's field no past, all of them no other machine on the host. What is to be made of them is
the host's to say.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.ondevice.sharing import Core, chain_ns

Bursts = npt.NDArray[np.int64]
COLUMNS = ("samples", "wall_ns", "waited_ns", "cpu_ns", "involuntary", "voluntary", "runnable", "core_ns")
"""Of a burst: how many samples; nanoseconds from the reading before to the one after it, in them waited (all threads
together) and computed (the calling thread); involuntary switches (all threads) and voluntary ones (the calling
thread); threads of the whole machine that were runnable, the more of both readings; nanoseconds of `sharing.Core`, the
more of both. UNKNOWN where nobody tells."""
UNKNOWN = -1
FILE_LIMIT_BYTES = 256
TRIALS = 5
NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")

_NOW = tuple[int, int, int, int, int, int]
"""Nanoseconds of the clock, and what `COLUMNS` has from `waited_ns` on, each counted since whenever."""


class Watch:
    """Rows of `COLUMNS`, and the machine's own account of the stretches between pauses. `root` is the file system's.

    `begin` stands before the first sample and after each pause, `read` behind a burst, `rest` before each pause and
    at the end.
    """

    def __init__(self, root: str = "/") -> None:
        self._tasks = os.path.join(root, "proc/self/task")
        self._threads: dict[str, int] = {}
        self._texts: dict[str, bytes] = {}
        self.reasons: dict[str, str] = {}
        """Why a column is UNKNOWN or there are no stretches, by name."""
        self._rows: list[tuple[int, ...]] = []
        self._stretches: list[dict[str, int]] = []
        self._most_threads = 0
        self._load = self._opened(os.path.join(root, "proc/loadavg"), "runnable")
        self._stat = self._opened(os.path.join(root, "proc/stat"), "stretches")
        self._core = Core()
        self._find_threads()
        self._chain_ns, self._core_ns = chain_ns(), self._core.time_ns()
        self._last = self._now()
        self._before = self._machine()
        self._first_row = 0
        self.cost_ns = min(self._cost() for _ in range(TRIALS))
        """Nanoseconds of one reading."""

    def begin(self) -> None:
        if self._rows:
            self._find_threads()
        self._first_row = len(self._rows)
        self._chain_ns = chain_ns()
        self._before = self._machine()
        self._core_ns = self._core.time_ns()
        self._last = self._now()

    def read(self, samples: int) -> None:
        """Ends a burst of so many samples, and begins the next one."""
        core_ns = self._core.time_ns()
        now, last = self._now(), self._last
        waited = UNKNOWN if UNKNOWN in (now[1], last[1]) else max(now[1] - last[1], 0)  # less when a thread has ended
        counted = (now[0] - last[0], waited, *(b - a for a, b in zip(last[2:5], now[2:5], strict=True)))
        self._rows.append((samples, *counted, max(now[5], last[5]), max(core_ns, self._core_ns)))
        self._last, self._core_ns = now, core_ns

    def rest(self) -> None:
        """Ends a stretch."""
        after = self._machine()
        if self._before is None or after is None:
            return
        wall, idle, stolen, own = (max(b - a, 0) for a, b in zip(self._before, after, strict=True))
        self._stretches.append(
            {
                "bursts": len(self._rows) - self._first_row,
                "wall_ns": wall,
                "idle_ns": idle,
                "steal_ns": stolen,
                "own_ns": own,
                "chain_ns": min(self._chain_ns, chain_ns()),
            }
        )

    def bursts(self) -> Bursts:
        """(B, len(COLUMNS)), in order."""
        return np.array(self._rows, dtype=np.int64).reshape(-1, len(COLUMNS))

    def to_json(self) -> dict[str, Any]:
        """What belongs to all bursts: `cpus` are the machine's processors, `threads` the most that were watched, and a
        stretch has its bursts, its length, the processors' idle time, what a hypervisor took, the process' own time on
        processors, and `sharing.chain_ns`, the less of before and after it."""
        return {
            "bursts": len(self._rows),
            "cpus": os.sysconf("SC_NPROCESSORS_ONLN"),
            "threads": self._most_threads,
            "stretches": self._stretches,
            "reasons": self.reasons,
        }

    def close(self) -> None:
        for file in [*self._threads.values(), self._load, self._stat]:
            if file is not None:
                os.close(file)

    def _now(self) -> _NOW:
        usage = resource.getrusage
        return (
            time.perf_counter_ns(),
            self._waited(),
            time.thread_time_ns(),
            usage(resource.RUSAGE_SELF).ru_nivcsw,
            usage(resource.RUSAGE_THREAD).ru_nvcsw,
            self._runnable(),
        )

    def _waited(self) -> int:
        """Of all threads that are watched, since they began."""
        if "waited_ns" in self.reasons:
            return UNKNOWN
        total = 0
        for name, file in list(self._threads.items()):
            try:
                total += int(os.pread(file, FILE_LIMIT_BYTES, 0).split()[1])
            except (OSError, LookupError, ValueError):  # the thread has ended
                os.close(self._threads.pop(name))
        return total

    def _runnable(self) -> int:
        if self._load is None:
            return UNKNOWN
        try:
            return int(os.pread(self._load, FILE_LIMIT_BYTES, 0).split()[3].partition(b"/")[0])
        except (OSError, LookupError, ValueError):
            self.reasons["runnable"] = "/proc/loadavg does not tell"
            return UNKNOWN

    def _machine(self) -> tuple[int, int, int, int] | None:
        """Nanoseconds of the clock, of idleness (waiting for a disk is one), of steal, of this process' threads."""
        if self._stat is None:
            return None
        try:
            fields = [int(field) for field in os.pread(self._stat, FILE_LIMIT_BYTES, 0).split(b"\n")[0].split()[1:]]
            idle, stolen = fields[3] + fields[4], fields[7]
        except (OSError, LookupError, ValueError):
            self.reasons["stretches"] = "/proc/stat does not tell"
            return None
        return time.perf_counter_ns(), idle * NS_PER_TICK, stolen * NS_PER_TICK, time.process_time_ns()

    def _find_threads(self) -> None:
        """Watches the threads that have run since they were last looked for, all of them at first: a runtime beside a
        pool of numpy's on 64 cores would cost 64 reads a burst. Those of the runtime are there by now: it was warm."""
        try:
            names = os.listdir(self._tasks)
        except OSError as error:
            self.reasons["waited_ns"] = f"the kernel lists no threads: {error.strerror}"
            return
        texts = {name: text for name in names if (text := self._schedstat(name)) is not None}
        own = texts.get(str(os.getpid()))  # the calling thread is the process' first
        if own is None or own.split()[2:] in ([], [b"0"]):
            self.reasons["waited_ns"] = (
                "/proc/self/task/*/schedstat cannot be read"
                if own is None
                else "the kernel does not count waiting (it was built without CONFIG_SCHED_INFO)"
            )
            return
        chosen = {name for name, text in texts.items() if not self._texts or text != self._texts.get(name)}
        self._texts = texts
        self._watch_threads(chosen | {str(os.getpid())})

    def _watch_threads(self, chosen: set[str]) -> None:
        for name in [name for name in self._threads if name not in chosen]:
            os.close(self._threads.pop(name))
        for name in chosen - set(self._threads):
            with contextlib.suppress(OSError):  # it has ended since
                self._threads[name] = os.open(self._path(name), os.O_RDONLY)
        self._most_threads = max(self._most_threads, len(self._threads))

    def _schedstat(self, name: str) -> bytes | None:
        try:
            with open(self._path(name), "rb") as file:
                return file.read(FILE_LIMIT_BYTES)
        except OSError:
            return None

    def _path(self, name: str) -> str:
        return os.path.join(self._tasks, name, "schedstat")

    def _opened(self, path: str, name: str) -> int | None:
        try:
            return os.open(path, os.O_RDONLY)
        except OSError as error:
            self.reasons[name] = f"{path} cannot be read: {error.strerror}"
            return None

    def _cost(self) -> int:
        begin = time.perf_counter_ns()
        self._core.time_ns()
        self._now()
        return time.perf_counter_ns() - begin
