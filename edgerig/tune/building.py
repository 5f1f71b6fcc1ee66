"""The cheapest rung: candidates are built, a few to a process, and held against their source on a few samples."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgerig.build import spawn
from edgerig.errors import NotKept, says_full
from edgerig.tune.halving import Score, fronts
from edgerig.tune.journal import Entry
from edgerig.tune.space import FLOAT, Candidate
from edgerig.tune.trial import Trial, trial_of
from edgerig.tune.work import Work

CHUNK = 8
"""To a process, whose start and whose conversion to float take seconds; each of its files is in the store when it is
built, and journaled when the process ends."""


def try_all(work: Work, candidates: Sequence[Candidate]) -> list[Trial]:
    """The candidates' trials, in order; those that are not in the journal are built. Raises EdgerigError for what
    concerns every one of them."""
    known = work.journal.trials
    missing = [each for each in candidates if each.name not in known]
    for chunk in _chunks(missing):
        for trial in _built(work, chunk):
            work.journal.write(Entry(trial=trial))
            front = front_of([each for each in work.journal.trials.values() if each.candidate.recipe != FLOAT])
            work.observer.tried(trial, len(work.journal.trials), front)
    found = work.journal.trials
    return [found[each.name] for each in candidates if each.name in found]


def front_of(trials: Sequence[Trial]) -> list[str]:
    """Those that no other one beats in both size and distance from the source, the smallest first."""
    scores = [Score(each.name, each.costs) for each in trials if each.costs is not None]
    return [one.name for one in sorted(fronts(scores)[0], key=lambda one: one.costs[1])] if scores else []


def _chunks(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    for format_name in dict.fromkeys(each.format for each in candidates):
        own = [each for each in candidates if each.format == format_name]
        for start in range(0, len(own), CHUNK):
            yield own[start : start + CHUNK]


def _built(work: Work, chunk: list[Candidate]) -> list[Trial]:
    sweep, format_name = work.question.sweep, chunk[0].format
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edgerig-tune-") as temporary:
        built = spawn.build_variants(
            work.validation.model,
            format_name,
            [each.recipe for each in chunk],
            sweep.options.get(format_name, {}),
            work.validation.prepared,
            sweep.build.timeout_s,
            work.store,
            work.folder / "logs" / format_name,
            {each.recipe: each.own for each in chunk if each.own is not None},
            Path(temporary),
        )
    for outcome in built:
        if outcome.failure is not None and says_full(outcome.failure.message):
            raise NotKept(
                f"{outcome.recipe} could not be built: {outcome.failure.message}"[:1000],
                hint="make space, then give the same command",
            )
    each_s = (time.monotonic() - began) / len(chunk)
    by_name = {each.recipe: each for each in chunk}
    return [trial_of(by_name[outcome.recipe], outcome, each_s) for outcome in built]
