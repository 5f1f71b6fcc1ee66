"""Who goes on to the next rung, by what the budget allows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgerig.decide.decision import Decision, compared, decide
from edgerig.decide.limits import COSTS, QUALITIES, beyond
from edgerig.decide.rules import Reference, sound, timed
from edgerig.figures.metric import lost_points
from edgerig.measure.error import FAR
from edgerig.measure.metrics import share
from edgerig.results import CellResult, Results
from edgerig.spec import SweepBudget
from edgerig.tune.halving import Score, beats, cheapest, promoted
from edgerig.tune.space import FLOAT
from edgerig.tune.trial import Trial


def to_host(trials: Sequence[Trial], budget: SweepBudget, count: int) -> list[str]:
    """Of what was built: far from its source is what will hardly be as accurate (`measure.error.FAR`)."""
    scores = []
    for trial in trials:
        if trial.costs is not None:
            far = _far(trial.relative_error, budget)
            scores.append(Score(trial.name, trial.costs, far + _too_large(trial.costs[1], budget)))
    return promoted(scores, count)


def to_device(results: Results, budget: SweepBudget, count: int) -> list[str]:
    """Of what ran over all validation data: what keeps the budget there, the smallest that nothing beats first. The
    host's time is a hint of the device's, no more."""
    scores = []
    for cells, held_to in compared(results):
        for cell in cells:
            if cell.recipe != FLOAT and sound(cell) and cell.size_bytes is not None and cell.latency is not None:
                costs = (float(cell.size_bytes), cell.latency.p50_ms)
                scores.append(Score(f"{cell.format}-{cell.recipe}", costs, violation(cell, budget, held_to)))
    return cheapest(scores, count)


def violation(cell: CellResult, budget: SweepBudget, held_to: Reference | None, *, sampled: bool = True) -> float:
    """By how much the cell breaks what the budget says of quality and size; 0 where it keeps it.

    `sampled`: its samples are a few of many, and often of those the network was trained on, which it knows by heart:
    what counts is the most that may have been lost, where that is known, and that it is not far from its source. (A
    variant of digits_skew with a relative error of 0.37 loses 0.4 points of the training images, 3.7 of the others.)
    """
    found = _too_large(cell.size_bytes or 0, budget)
    found += _far(cell.parity.relative_error, budget) if sampled else 0.0
    found += 1.0 if beyond(cell, budget, QUALITIES, timed=False) else 0.0
    if held_to is not None:
        lost = lost_points(cell.accuracy, held_to.accuracy)
        if lost is None:
            return found + 1.0
        interval = cell.accuracy.delta_ci95
        most = lost / 100 if interval is None or not sampled else max(lost / 100, -interval[0])
        return found + max(0.0, most - budget.accuracy_drop - 1e-9)
    return found + (_disagreeing(cell, budget.agreement, sampled) if budget.agreement else 0.0)


def _disagreeing(cell: CellResult, wanted: float, sampled: bool) -> float:
    """By how much it agrees less with the float network than `wanted`. Where the samples are too few to tell, how far
    it is from its source counts on top: of 16 crops a variant gave the same answer to each, and to 84 % of others."""
    agreement, samples = cell.parity.agreement, cell.parity.samples
    if agreement is None:
        return 0.0
    _, interval = share(round(agreement * samples), samples) if sampled and samples else (agreement, None)
    if interval is None:
        return max(0.0, wanted - agreement - 1e-9)
    short = max(0.0, wanted - interval[0] - 1e-9)
    return short + (cell.parity.relative_error or 0.0) if short else 0.0


def _far(error: float | None, budget: SweepBudget) -> float:
    """By how much it is further from its source than networks that stay as accurate, or than the budget allows."""
    return 0.0 if error is None else max(0.0, error - (budget.of("relative_error") or FAR))


def _too_large(size: float, budget: SweepBudget) -> float:
    allowed = budget.of("size_bytes")
    return max(0.0, size / allowed - 1) if allowed else 0.0


def decided(results: Results, budget: SweepBudget) -> Decision | None:
    """What to ship of the quantized variants; the float one is what they are held against."""
    for cells, held_to in compared(results):
        own = [cell for cell in cells if cell.recipe != FLOAT]
        if own:
            found = decide(own, budget, held_to)
            return found if found.pick is not None else _without_times(found, own, budget, held_to)
    return None


def _without_times(
    none: Decision, cells: Sequence[CellResult], budget: SweepBudget, held_to: Reference | None
) -> Decision:
    """The smallest of what keeps the budget but was not timed alone, where no latency is asked for: what else is known
    of it does not depend on who worked beside it."""
    known = [
        cell
        for cell in cells
        if sound(cell)
        and not timed(cell)
        and violation(cell, budget, held_to, sampled=False) == 0
        and not beyond(cell, budget, COSTS, timed=False)
    ]
    if not known or budget.of("latency_p50_ms") is not None:
        return none
    pick = min(known, key=lambda cell: (cell.size_bytes or 0, cell.id))
    why = f"The smallest of {len(known)} within the budget: others worked on {pick.device}, so that no time is known."
    return replace(none, state="provisional", pick=pick, why=why, cautions=(none.why,))


def dominance(trials: Sequence[Trial]) -> str:
    """Does a variant beat every fixed recipe of its format, in size and distance from the source?"""
    built = [each for each in trials if each.costs is not None]
    fixed = [each for each in built if each.candidate.own is None and each.candidate.recipe != FLOAT]
    own = [each for each in built if each.candidate.own is not None]
    for format_name in dict.fromkeys(each.candidate.format for each in fixed):
        rivals = [each for each in fixed if each.candidate.format == format_name]
        for one in own:
            if one.candidate.format == format_name and all(_beats(one, rival) for rival in rivals):
                return f"{one.name} is smaller than every fixed recipe of {format_name} and nearer to its source"
    most = max(own, key=lambda one: sum(_beats(one, rival) for rival in fixed), default=None)
    count = 0 if most is None else sum(_beats(most, rival) for rival in fixed)
    beaten = f": {most.name} beats {count} of {len(fixed)}" if most is not None and count else ""
    return f"no variant dominates every fixed recipe in size and distance from the source{beaten}"


def _beats(one: Trial, other: Trial) -> bool:
    return one.costs is not None and other.costs is not None and beats(one.costs, other.costs)
