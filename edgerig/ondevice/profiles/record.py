"""Takes a profile: some warm-up, then inferences looked into and inferences left alone by turns, so that what slows the
machine down meanwhile slows both.

Writes `profile.json`, schema 1: `{"schema", "cell", "unit", "method", "partitions", "floor", "notes", "entering",
"cache", "graph": [[[name, layer, macs, moved]]], "operators": [{"name", "layer", "runner", "partition", "calls",
"macs", "moved"}], "runs"}`, and beside it `profile.npy`, int64 (runs, 2 + operators): an inference left alone, one
looked into, and each operator's share of the latter, in the unit. Or `{"schema", "cell", "reason"}` alone.
"""

from __future__ import annotations

import gc
import os
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from edgerig.ondevice.engines import Array
from edgerig.ondevice.job import Job, write_json
from edgerig.ondevice.profiles import NoProfile, Operator, Profiler, clock, find
from edgerig.ondevice.profiles.work import UNKNOWN, largest_cache

SCHEMA = 1
FILE, VALUES = "profile.json", "profile.npy"
WARM_UP = 3
MOST_RUNS, FEWEST_RUNS, SECONDS = 200, 5, 4.0
COUNTED_RUNS = 5
"""Where instructions are counted: they hardly differ, and an emulator is slow."""
MOST_OPERATORS = 4096
SEVERAL = "an operator takes as long as the last of its threads; what others than the calling one waited is in it"


def record(job: Job, artifact: str, inputs: Sequence[Array], folder: str) -> None:
    """Writes the profile of the job's file into `folder`, or why there is none."""
    told: dict[str, Any] = {"schema": SCHEMA, "cell": job.cell}
    try:
        counted = not job.no_instructions
        if counted and job.threads != 1:
            raise NoProfile(f"the count of {job.threads} threads is not repeatable: it is taken with 1 only")
        own = os.path.join(folder, job.clock) if job.clock else ""
        ticks = clock.make(own, job.no_clock, count=counted)
        profiler = find(job.profiler)(job, artifact, inputs, ticks)
        told |= _taken(profiler, ticks, folder, job.threads)
    except (NoProfile, clock.NotCounted) as none:
        told["reason"] = str(none)
    except Exception as error:
        traceback.print_exc()
        told["reason"] = f"the runtime failed: {type(error).__name__}: {error}"[:2000]
    write_json(os.path.join(folder, FILE), told)


def _taken(profiler: Profiler, ticks: clock.Clock, folder: str, threads: int) -> dict[str, Any]:
    taken = _runs(profiler, ticks)
    all_runs = profiler.told()[-len(taken) :]
    calm = undisturbed([run.waited for run in taken])
    runs = [all_runs[place] for place in calm]
    places: dict[Operator, int] = {}
    calls: Counter[Operator] = Counter(event.operator for events in runs for event in events)
    for operator in calls:
        places[operator] = len(places)
    if not places:
        raise NoProfile("the runtime told of no operator")
    if len(places) > MOST_OPERATORS:
        raise NoProfile(f"it has {len(places)} operators, at most {MOST_OPERATORS} are told")
    table = np.zeros((len(runs), 2 + len(places)), np.int64)
    table[:, 0], table[:, 1] = ([taken[place][side] for place in calm] for side in (0, 1))
    about = profiler.about()
    for row, events in zip(table, runs, strict=True):
        for event in events:
            row[2 + places[event.operator]] += max(event.value - about.cost, 0)
    np.save(os.path.join(folder, VALUES), table)
    return {
        "unit": ticks.unit,
        "method": about.method,
        "partitions": about.partitions,
        "floor": about.floor,
        "notes": [*about.notes, *([SEVERAL] if threads > 1 else [])],
        "entering": about.entering,
        "cache": largest_cache(),
        "graph": [[[each.name[:200], each.layer[:500], *each.work] for each in part] for part in about.graph],
        "runs": len(runs),
        "operators": [
            {
                "name": each.name[:200],
                "layer": each.layer[:500],
                "runner": each.runner,
                "partition": each.partition,
                "calls": calls[each] / len(runs),
                **about.works.get(each, UNKNOWN)._asdict(),
            }
            for each in places
        ],
    }


class Run(NamedTuple):
    """The whole of an inference left alone and of one looked into, and what the calling thread waited for a processor
    in both. It is taken off the wholes, but nobody knows which of the operators has it, nor whether it fell between a
    clock's two readings or beside them: such a whole may be too short."""

    whole: int
    looked: int
    waited: int


def undisturbed(waited: Sequence[int]) -> list[int]:
    """The places of the runs that did not wait, in order; of too few those that waited least."""
    order = sorted(range(len(waited)), key=lambda place: waited[place])
    return sorted(order[: max(FEWEST_RUNS, sum(not each for each in waited))])


def _runs(profiler: Profiler, ticks: clock.Clock) -> list[Run]:
    found: list[Run] = []
    most = COUNTED_RUNS if ticks.unit == "instructions" else MOST_RUNS
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(WARM_UP):
            profiler.look()
            profiler.invoke()
        began = time.monotonic()
        while len(found) < most and (len(found) < FEWEST_RUNS or time.monotonic() - began < SECONDS):
            waited = ticks.waited()
            looked = profiler.look()
            profiler.invoke()  # what looking into it left in the caches is not the next one's
            whole = ticks.span(profiler.invoke)
            found.append(Run(whole, looked, ticks.waited() - waited))
    finally:
        if enabled:
            gc.enable()
    return found
