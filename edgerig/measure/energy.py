"""Energy of one inference: what a device's own sensor saw during the timed loop, less what the idle device takes.

Counted with it is all the sensor sees: a package's counter has the processor's other work in it, a board's monitor its
memory and its network. Disturbed samples can be left out, their energy cannot: a cell that has some has no energy.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from edgerig.measure.distributions import student_quantile
from edgerig.measure.raw_run import RawEnergy
from edgerig.results import Contention, Energy

LEAST_PROCESSES = 3
"""With fewer nobody knows how processes differ: two may agree by chance."""
LEAST_INTERVALS = 10
"""Sampling intervals in the loop, and in the idle time: with fewer, what lies beyond the first and last reading of a
window is more than a tenth of it."""


def energy(processes: Sequence[RawEnergy], contention: Contention | None) -> Energy:
    """Of all processes a cell was timed in, together, each less its own idle power over its own time.

    The interval is the time in which the sensor told something new on the average, or its own where that is longer (a
    counter tells how much it was meanwhile, so that its own alone counts).
    """
    reason = next((each.reason for each in processes if each.reason), "" if processes else "the runner measured none")
    window_ns, idle_ns = sum(each.window_ns for each in processes), sum(each.idle_ns for each in processes)
    inferences = sum(each.inferences for each in processes)
    if reason or any(not (each.window_ns and each.idle_ns and each.inferences) for each in processes):
        return Energy(reason=reason or "the loop or the idle time was not measured")
    first = processes[0]
    microjoules = sum(each.microjoules for each in processes)
    resting = sum(each.idle_microjoules * each.window_ns / each.idle_ns for each in processes)
    interval_ns = _interval_ns(processes)
    each_millijoules = tuple(_millijoules(each) for each in processes)
    value = (microjoules - resting) / 1e3 / inferences
    found = Energy(
        millijoules=value,
        gross_millijoules=microjoules / 1e3 / inferences,
        process_millijoules=each_millijoules,
        interval_millijoules=_interval(value, each_millijoules),
        idle_watts=1e3 * sum(each.idle_microjoules for each in processes) / idle_ns,
        sensor=first.sensor,
        interval_seconds=None if interval_ns is None else interval_ns / 1e9,
        seconds=window_ns / 1e9,
        idle_seconds=idle_ns / 1e9,
        inferences=inferences,
    )
    why_not = _worthless(found, contention)
    return (
        found.model_copy(
            update={"millijoules": None, "process_millijoules": (), "interval_millijoules": None, "reason": why_not}
        )
        if why_not
        else found
    )


def _interval(value: float, processes: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval around `value`: Student's t over the processes (Student, Biometrika 6(1), 1908)."""
    if len(processes) < LEAST_PROCESSES:
        return None
    half = student_quantile(len(processes) - 1) * statistics.stdev(processes) / math.sqrt(len(processes))
    return value - half, value + half


def _worthless(found: Energy, contention: Contention | None) -> str:
    """Why the figures say nothing of an inference; "" where they do."""
    if found.interval_seconds is None or not found.gross_millijoules:
        return f"{found.sensor}: the counter did not move"
    least = LEAST_INTERVALS * found.interval_seconds
    for seconds, what in ((found.seconds, "the timed loop"), (found.idle_seconds, "the idle time before it")):
        if seconds is not None and seconds < least:
            return (
                f"{found.sensor}: {what} is shorter than {LEAST_INTERVALS} of the sensor's intervals "
                f"({seconds:.3g} s, {found.interval_seconds:.3g} s each): raise run.repeats or run.min_seconds"
            )
    if contention is not None and (contention.contended or contention.counted != "all"):
        return f"{found.sensor}: other processes were at work, and what they took is in it"
    if found.millijoules is None or found.millijoules <= 0:
        return f"{found.sensor}: the loop took no more than the idle device: the load is below what it tells"
    return ""


def _interval_ns(processes: Sequence[RawEnergy]) -> float | None:
    """None where the sensor never told anything new."""
    changes = sum(each.changes + each.idle_changes for each in processes)
    if not changes:
        return None
    update = float(max(each.update_ns for each in processes))
    if processes[0].kind == "counter":
        return update
    return max(update, sum(each.window_ns + each.idle_ns for each in processes) / changes)


def _millijoules(one: RawEnergy) -> float:
    return (one.microjoules - one.idle_microjoules * one.window_ns / one.idle_ns) / 1e3 / one.inferences
