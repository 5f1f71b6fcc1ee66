"""Which samples count where other processes took the processor, or worked beside the timed threads.

A scheduler's slice is some milliseconds, so that a network of some milliseconds waits in nearly every inference while
one of microseconds waits in few; a control computation shorter than a slice sees nothing of it. What was read between
bursts of samples (`ondevice/contention.py`) tells the disturbed ones. Those that waited are too long by the wait. Those
beside busy neighbours did not wait and are too long all the same: processors share caches, the memory's bandwidth, heat
and, as siblings of one core, its units (a 22 µs network took 29 µs, without waiting, on a virtual machine whose other
processor was busy). So are those whose core another machine of the same host shared (`measure/sharing.py`).

Leaving out what was interrupted prefers short samples: the upper percentiles of what is left are those of a machine
that nothing else uses, not those an application will see beside others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgerig.measure.disturbed import COMPANY, WAITED, Samples, Seen, column, look
from edgerig.measure.latency import MEDIAN_TOLERANCE, median_interval, nearest_rank
from edgerig.measure.raw import Raw, Watched
from edgerig.measure.raw_run import RawContention
from edgerig.measure.sharing import alone, core_ms, shared
from edgerig.results import Contention, Counted

CACHED_BYTES = 2**20
"""A file up to this size, inferred from again and again, is taken to stay in a cache: those of application processors
hold 1 MiB or more, with few exceptions."""
LEAST = 50
LEAST_SHARE = 0.1
"""Undisturbed samples are enough from `LEAST` of them on that are `LEAST_SHARE` of all, or if they are half of all."""
LEAST_BURSTS = 20
"""Fewer than `LEAST_SHARE` are enough too if they are of so many bursts of a core known to be alone: what chose them is
the time of another computation than theirs, so that few are no worse chosen than many."""
LEAST_PROCESSES = 3
"""Or half of all: of fewer nobody knows by how much processes differ."""
LEAST_OF_A_PROCESS = 5
"""Samples of a process, and bursts where it was looked at who shares the core: one or two may be chosen by chance."""
SHOWS = 0.01
"""Of the median: a smaller difference between all samples and the undisturbed is not one that shows."""
LEAST_TO_SHOW = 25


@dataclass(frozen=True)
class Timed:
    """The samples that count: int64 (S,) nanoseconds for each process that has any, and the attempt they are of.

    `contention` is None where the device was not watched, as in runs of before. `core_ms` is what the computation
    beside the bursts that count took in each process that has it (`ondevice/sharing.py`), in milliseconds.
    """

    attempt: Raw
    processes_ns: tuple[Samples, ...]
    contention: Contention | None
    core_ms: tuple[float, ...] = ()


def select(raw: Raw, size_bytes: int | None = None, reference: float | None = None) -> Timed:
    """Of the attempts that are not contended, together; of none, of all together where their undisturbed samples are
    enough; else of that with the largest share of undisturbed samples.

    A neighbour on another core is no company where the core is known to be alone and the file of `size_bytes` stays in
    that core's caches (`CACHED_BYTES`); None is a file that does not. `reference` is what
    `sharing.alone` gave of other cells on the device; of this cell's own attempts it is the least.
    """
    attempts, cached = (raw, *raw.again), size_bytes is not None and size_bytes <= CACHED_BYTES
    known = [reference, *(alone(attempt.watched, attempt.run.engine.threads) for attempt in attempts)]
    least = min((ratio for ratio in known if ratio is not None), default=None)
    tried = [_of_attempt(attempt, cached, least) for attempt in attempts]
    found = [timed.contention for timed in tried]
    clean = [index for index, judged in enumerate(found) if judged is None or not judged.contended]
    several = [attempts[index] for index in clean] if clean else attempts
    if len(several) > 1:
        together = _of_attempt(_together(several), cached, least)
        judged = together.contention
        if judged is None:
            return together
        if not judged.contended and (clean or judged.counted == "undisturbed"):
            return replace(together, contention=judged.model_copy(update={"attempts": len(attempts), "attempt": 0}))
    shares = [1.0 if judged is None else judged.undisturbed / judged.measured for judged in found]
    chosen = clean[0] if clean else shares.index(max(shares))
    judged = found[chosen]
    if judged is None:
        return tried[chosen]
    numbered = judged.model_copy(update={"attempts": len(attempts), "attempt": chosen + 1})
    return replace(tried[chosen], contention=numbered)


def settled(timed: Timed, precision: float | None = None) -> bool:
    """Is its median known, so that the cell need not be timed again? Neither contended nor wider than is stable, or
    than the `precision` that was asked for; without one, of one or two processes nobody asked how they differ.

    To stop once an interval is narrow enough makes it miss a little more often than it says: with looks at 5, 10
    and 15 processes that differ by 2 % (standard deviation) and one in ten of which strays by up to 15 %, 93 % of 3,000
    simulated intervals held the true median, at 0.4 or 1 % all but 1.
    """
    if timed.contention is not None and timed.contention.contended:
        return False
    if precision is None and len(timed.processes_ns) < LEAST_PROCESSES:
        return True
    interval = median_interval(timed.processes_ns)
    return interval is not None and interval.half_width <= (precision or MEDIAN_TOLERANCE)


def _together(attempts: Sequence[Raw]) -> Raw:
    """The processes of all attempts as those of one."""
    return replace(
        attempts[0],
        processes_ns=tuple(ns for each in attempts for ns in each.processes_ns),
        controls=tuple(controls for each in attempts for controls in each.controls),
        watched=tuple(watched for each in attempts for watched in each.watched),
        energies=tuple(energy for each in attempts for energy in each.energies),
        again=(),
    )


def _of_attempt(raw: Raw, cached: bool, reference: float | None) -> Timed:
    if not raw.watched or any(not len(watched.bursts) for watched in raw.watched):
        return Timed(raw, raw.processes_ns, None)
    threads = max(raw.run.engine.threads, 1)
    sharing, unknown = shared(raw.watched, threads, reference)
    others_count = bool(unknown) or not cached
    each_process = zip(raw.processes_ns, raw.watched, sharing, strict=True)
    seen = [look(ns, watched, threads, core, others_count) for ns, watched, core in each_process]
    time = sum(float(each.time.sum()) for each in seen)
    waited, stolen, beside, together = (
        sum(float(array.sum()) for array in arrays) / time
        for arrays in (
            [each.waited for each in seen],
            [each.stolen for each in seen],
            [each.time * each.beside for each in seen],
            [each.time * each.shared for each in seen],
        )
    )
    found = _words(waited, stolen, beside if others_count else 0.0, together)
    counted, processes = _enough(seen, alone_known=not unknown) if found else _all(seen)
    undisturbed = np.concatenate([each.samples[each.undisturbed] for each in seen])
    everything = raw.samples_ns
    shows = bool(found) and counted != "undisturbed" and _shows(everything, undisturbed)
    if counted == "unwaited" and not shows:
        counted, processes = _all(seen)
    others, steal, reason = _machine(raw.watched)
    return Timed(
        raw,
        processes,
        Contention(
            contended=shows,
            found="; ".join(found),
            counted=counted,
            measured=len(everything),
            undisturbed=len(undisturbed),
            all_p50_ms=_p50_ms(everything),
            waited=waited,
            stolen=stolen,
            company=beside,
            shared=None if unknown else together,
            alone=None if unknown else reference,
            others_cpus=others,
            steal=steal,
            involuntary_switches=sum(int(column(w, "involuntary").sum()) for w in raw.watched),
            reasons=_reasons(raw.watched, {"others_cpus": reason, "steal": reason, "shared": unknown}),
        ),
        _beside_counted(raw.watched, seen, counted),
    )


def _beside_counted(watched: Sequence[Watched], seen: Sequence[Seen], counted: Counted) -> tuple[float, ...]:
    found = []
    for of_process, each in zip(watched, seen, strict=True):
        bursts = np.zeros(len(of_process.bursts), np.bool_)
        bursts[each.burst[each.which(counted)]] = True
        found.append(core_ms(of_process, bursts))
    return tuple(ms for ms in found if ms)


def _words(waited: float, stolen: float, beside: float, together: float) -> list[str]:
    """What says that samples were disturbed; [] where nothing does. The figures are shares of the timed wall."""
    return [
        text
        for share, limit, text in (
            (waited, WAITED, f"its threads waited for a processor for {waited:.0%} of the timed wall"),
            (stolen, WAITED, f"a hypervisor or interrupts took {stolen:.0%} of it"),
            (beside, COMPANY, f"other processes were busy beside {beside:.0%} of it"),
            (together, COMPANY, f"another machine on the same host shared the core beside {together:.0%} of it"),
        )
        if share > limit
    ]


def _enough(seen: Sequence[Seen], *, alone_known: bool) -> tuple[Counted, tuple[Samples, ...]]:
    """The best samples there are enough of. `alone_known`: was it looked at who shares the core?"""
    kinds: tuple[Counted, ...] = ("undisturbed", "unwaited")
    total = sum(len(each.samples) for each in seen)
    for name in kinds:
        of_bursts = alone_known and name == "undisturbed"
        chosen = [
            (each, which)
            for each, which in ((each, each.which(name)) for each in seen)
            if len(np.unique(each.burst[which]) if of_bursts else each.samples[which]) >= LEAST_OF_A_PROCESS
        ]
        count = sum(int(which.sum()) for _, which in chosen)
        spread = of_bursts and sum(len(np.unique(each.burst[which])) for each, which in chosen) >= LEAST_BURSTS
        whole = count >= total / 2 or (count >= LEAST and (spread or count >= LEAST_SHARE * total))
        if chosen and whole and (2 * len(chosen) >= len(seen) or (spread and len(chosen) >= LEAST_PROCESSES)):
            return name, tuple(each.samples[which] for each, which in chosen)
    return _all(seen)


def _all(seen: Sequence[Seen]) -> tuple[Counted, tuple[Samples, ...]]:
    return "all", tuple(each.samples for each in seen)


def _shows(everything: Samples, undisturbed: Samples) -> bool:
    """Do all samples have another median than the undisturbed? Of too few of these nobody knows, so yes."""
    if len(undisturbed) < LEAST_TO_SHOW:
        return True
    clean = _p50_ms(undisturbed)
    return abs(_p50_ms(everything) - clean) > SHOWS * clean


def _machine(watched: Sequence[Watched]) -> tuple[float | None, float | None, str]:
    """Processors others kept busy and the share a hypervisor took of the time the machine wanted, over the timed loops
    of all processes; or why that is not known."""
    stretches = [(each.raw.cpus, stretch) for each in watched for stretch in each.raw.stretches]
    wall = sum(stretch.wall_ns for _, stretch in stretches)
    if not wall:
        return None, None, next((r for each in watched if (r := each.raw.reasons.get("stretches"))), "it was not read")
    busy = sum(max(cpus * stretch.wall_ns - stretch.idle_ns, 0) for cpus, stretch in stretches)
    own = sum(stretch.own_ns for _, stretch in stretches)
    steal = sum(stretch.steal_ns for _, stretch in stretches)
    return max(busy - own, 0) / wall, min(steal / max(busy, 1), 1.0), ""


def _reasons(watched: Sequence[Watched], others: dict[str, str]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for each in watched:
        reasons |= _of_results(each.raw)
    return reasons | {name: reason for name, reason in others.items() if reason}


def _of_results(raw: RawContention) -> dict[str, str]:
    """The runner's reasons under the names of the results."""
    names = {"waited_ns": "waited", "runnable": "company"}
    return {names[name]: reason for name, reason in raw.reasons.items() if name in names}


def _p50_ms(samples: Samples) -> float:
    return nearest_rank(np.sort(samples), 50) / 1e6
