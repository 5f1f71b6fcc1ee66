"""Which samples of one process were disturbed: by waiting for a processor, or by company beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerig.measure.raw import Watched
from edgerig.ondevice.contention import COLUMNS, NS_PER_TICK, UNKNOWN
from edgerig.results import Counted

WAITED = 0.01
"""Of the timed wall: less does not move a median by what is called stable; also of one burst, to call it disturbed."""
COMPANY = 0.1
"""Of the timed wall beside busy neighbours: a tenth of slower samples moves the median to the 55th percentile of the
others at most, which is within a per cent of it on a machine that is otherwise still."""
NEIGHBOURS = 1 / 8
"""Of the machine's processors: fewer that are busy are unlikely to be a core's sibling, and leave bandwidth."""
WAKING = 0.1
"""Processors that others keep busy: below, threads of a pool that wait were waking up, not kept waiting."""
SHORT_NS = 20_000_000
"""Bursts below it are seen well enough at both ends to know who ran beside them."""
TICKS_OFF = 2
"""The kernel's idle times are told in whole ticks: a difference of two may be off by one each, for either kind."""

Flags = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """Of one process: nanoseconds of each of its bursts' samples and what was taken from them, and of each sample
    whether it was kept from the processor (or came right after one that was: caches are cold) or had company: others
    beside it, or its core shared. `burst` is the one it is of."""

    samples: Samples
    burst: Samples
    time: npt.NDArray[np.float64]
    waited: npt.NDArray[np.float64]
    stolen: npt.NDArray[np.float64]
    beside: Flags
    shared: Flags
    kept: Flags
    company: Flags

    @property
    def undisturbed(self) -> Flags:
        return ~self.kept & ~self.company

    def which(self, counted: Counted) -> Flags:
        """Of each sample, whether it is of those."""
        flags: dict[Counted, Flags] = {"undisturbed": self.undisturbed, "unwaited": ~self.kept}
        return flags.get(counted, np.ones(len(self.samples), np.bool_))


def look(samples: Samples, watched: Watched, threads: int, core: Flags, others_count: bool) -> Seen:
    """What was seen beside the process' `samples`. `core` says of each burst whether its core was shared; without
    `others_count` neighbours on other cores are no company."""
    counts = column(watched, "samples")
    burst = np.repeat(np.arange(len(counts)), counts)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    time = np.add.reduceat(samples, first).astype(np.float64)
    others, robbed = _neighbours(watched)
    waited = _waited(watched, threads, others)
    willing = column(watched, "voluntary") != 0
    lost = np.where(willing, 0, np.maximum(column(watched, "wall_ns") - column(watched, "cpu_ns"), 0))
    stolen = np.maximum(lost - waited, 0).astype(np.float64)
    disturbed = np.maximum(waited, lost) > WAITED * time
    if threads > 1 and "waited_ns" in watched.raw.reasons:
        disturbed |= column(watched, "involuntary") > 0
    kept = disturbed[burst]
    kept[first[1:]] |= disturbed[:-1]
    beside = _beside(watched, threads, others, robbed)
    company = beside | core if others_count else core
    return Seen(samples, burst, time, waited, stolen, beside, core, kept, company[burst])


def _waited(watched: Watched, threads: int, others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Nanoseconds of waiting in each burst; 0 where the kernel does not tell.

    Threads of a pool wait whenever they are woken, for as long as an idle processor takes to get up: where nobody else
    was busy and none of them was interrupted, it is that.
    """
    waited = np.maximum(column(watched, "waited_ns"), 0).astype(np.float64)
    if threads == 1:
        return waited
    waking = (others < WAKING) & (column(watched, "involuntary") == 0)
    return np.where(waking, 0.0, waited)


def _beside(watched: Watched, threads: int, others: npt.NDArray[np.float64], robbed: Flags) -> Flags:
    """Of each burst: were more than `NEIGHBOURS` of the processors at work for others?

    Of one thread, what was runnable before and after a short burst tells; of several nobody knows how many of them
    were at that moment, and of a long one not what happened in it: then the stretch it is in tells.
    """
    allowed = NEIGHBOURS * watched.raw.cpus
    runnable = column(watched, "runnable")
    seen = (runnable - 1 > allowed) if threads == 1 else np.zeros(len(runnable), np.bool_)
    stretch: Flags = robbed | (others > allowed)
    if threads > 1 or not watched.raw.stretches:
        return seen | stretch
    return np.where((column(watched, "wall_ns") < SHORT_NS) & (runnable != UNKNOWN), seen, seen | stretch)


def _neighbours(watched: Watched) -> tuple[npt.NDArray[np.float64], Flags]:
    """Of each burst's stretch: processors that others kept busy at least, and whether a hypervisor took more than
    `COMPANY` of the time the machine wanted. No more than `TICKS_OFF` ticks is nothing."""
    raw = watched.raw
    others, robbed = [0.0], [False]
    for stretch in raw.stretches:
        slack = TICKS_OFF * NS_PER_TICK
        busy = max(raw.cpus * stretch.wall_ns - stretch.idle_ns, 0)
        wall = max(stretch.wall_ns, 1)
        others.append(max(busy - stretch.own_ns - slack, 0) / wall)
        robbed.append(stretch.steal_ns > COMPANY * busy + slack)
    of_bursts = np.repeat(np.arange(1, len(others)), [stretch.bursts for stretch in raw.stretches])
    of_bursts = np.concatenate([of_bursts, np.zeros(len(watched.bursts) - len(of_bursts), np.int64)])
    return np.array(others)[of_bursts], np.array(robbed)[of_bursts]


def column(watched: Watched, name: str) -> Samples:
    column: Samples = watched.bursts[:, COLUMNS.index(name)]
    return column
