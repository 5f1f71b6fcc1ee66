"""Which layers are worth leaving in float: the best variant of a format is looked into, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Sequence

from edgerig.errors import EdgerigError
from edgerig.sweep import debugging
from edgerig.tune.journal import Entry, Looked
from edgerig.tune.space import Candidate, windows, windows_base
from edgerig.tune.trial import Trial
from edgerig.tune.work import Work

SAMPLES = 16
"""Validation samples that layers are compared on: as many as a build is checked on."""
THRESHOLD_DB = 20.0
INPUT = "INPUT"
"""`LayerResult.operator` of what the network is fed."""


def look(work: Work, format_name: str, trials: Sequence[Trial]) -> Looked:
    """From the journal, or now. That nothing can be looked into costs nothing but these candidates."""
    known = work.journal.looked.get(format_name)
    if known is not None:
        return known
    began = time.monotonic()
    found = _looked(work, format_name, trials)
    found = found.model_copy(update={"seconds": time.monotonic() - began})
    work.journal.write(Entry(looked=found))
    work.observer.looked(found.why, found.candidates)
    return found


def _looked(work: Work, format_name: str, trials: Sequence[Trial]) -> Looked:
    best = sorted((each for each in trials if each.costs is not None), key=lambda each: each.costs or (0.0, 0.0))
    bases = windows_base(work.validation.model.source, format_name, [each.candidate for each in best])
    if not bases:
        return Looked(format=format_name, layers=0, why=f"no variant of {format_name} leaves layers in float")
    try:
        report = debugging.debug(_target(work, bases[0]), work.store, SAMPLES, THRESHOLD_DB)
    except EdgerigError as error:
        return Looked(format=format_name, layers=0, why=f"{bases[0].name}: {error.message.splitlines()[0]}")
    layers = [layer for layer in report.layers if layer.operator != INPUT]
    why = f"{bases[0].name}: {len(layers)} layers"
    return Looked(format=format_name, layers=len(layers), candidates=tuple(windows(bases[0], layers)), why=why)


def _target(work: Work, base: Candidate) -> debugging.Target:
    sweep = work.question.sweep
    return debugging.Target(
        model=work.validation.model,
        format=base.format,
        recipe=base.recipe,
        own={} if base.own is None else {base.recipe: base.own},
        options=dict(sweep.options.get(base.format, {})),
        seed=work.validation.seed,
        build=sweep.build,
    )
