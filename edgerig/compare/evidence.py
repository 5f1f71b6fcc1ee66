"""How sure a difference between two runs is: intervals and tests, apart from what is made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgerig.compare.machine import Shift, reach
from edgerig.compare.snapshot import LatencySnapshot
from edgerig.measure.delta import paired_interval
from edgerig.measure.distributions import binomial_half, normal_tail, student_tail
from edgerig.measure.latency import between, half_of, resampled_logs, trimmed
from edgerig.measure.sharing import SLOWED


@dataclass(frozen=True)
class Difference:
    """Of the new figure from the base's, with its 95 % interval; relative or absolute as the function says."""

    effect: float
    low: float
    high: float
    p: float | None


def latency_ratio(
    base: LatencySnapshot, new: LatencySnapshot, machine: Shift | None = None, size_bytes: int | None = None
) -> Difference:
    """The relative change of the median latency, less what the `machine` itself took more (where it is corrected for).

    The effect is the ratio of the trimmed geometric means of the processes' medians, less one. Its interval adds, as
    independent errors of the log ratio, (a) what one run's samples say of its own median: a bootstrap of the ratio over
    stretches of each process' samples, (b) what they cannot say: two processes with the same file differ, so the pooled
    spread of the processes' medians, by Student's t for their number (both as in `measure/latency.py`), and (c) how
    exactly the machine's controls are known. Where its controls disagree, it reaches from one's to the other's
    (`machine.reach`, which asks for the file's `size_bytes`).
    """
    ours, theirs = trimmed(np.log(new.process_p50_ms)), trimmed(np.log(base.process_p50_ms))
    centre = ours.mean - theirs.mean
    freedom = ours.kept + theirs.kept - 2
    deviation, quantile = between(ours.squares + theirs.squares, freedom)
    spread = quantile * deviation * math.sqrt(1 / ours.kept + 1 / theirs.kept)
    half = math.hypot(_within(base, new), spread)
    below = above = 0.0
    if machine is not None and machine.corrected:
        clock = machine.clock
        centre -= math.log1p(clock.change)
        half = math.hypot(half, (math.log1p(clock.high) - math.log1p(clock.low)) / 2)
        below, above = reach(machine, size_bytes, base.p50_ms, own_core(base, new))
    statistic = abs(centre) / (half / quantile)
    p = 2 * (student_tail(freedom, statistic) if freedom else normal_tail(statistic))
    return Difference(math.expm1(centre), math.expm1(centre - half - below), math.expm1(centre + half + above), p)


def own_core(base: LatencySnapshot, new: LatencySnapshot) -> float | None:
    """What the core's control beside the cell took, new / base; None where one of them did not time it.

    Beside samples that were chosen by it, it differs by up to `SLOWED` by chance: more says that in one of the runs the
    core was shared all the time, so that nothing could be chosen.
    """
    if base.beside_ms is not None and new.beside_ms is not None:
        beside = new.beside_ms / base.beside_ms
        return None if 1 / SLOWED < beside < SLOWED else beside
    if base.core_control_ms is None or new.core_control_ms is None:
        return None
    return new.core_control_ms / base.core_control_ms


def _within(base: LatencySnapshot, new: LatencySnapshot) -> float:
    """Half of the log ratio's 95 % interval as the samples of the two runs give it."""
    if not base.blocks_ms or not new.blocks_ms:
        return math.hypot(base.within, new.within)
    generator = np.random.default_rng(0)
    return half_of(resampled_logs(new.blocks_ms, generator) - resampled_logs(base.blocks_ms, generator))


def paired_accuracy(base_wrong: tuple[int, ...], new_wrong: tuple[int, ...], samples: int) -> Difference:
    """The change of the share of right answers to the same `samples` questions, and McNemar's exact p.

    Only the samples on which the two differ say anything of a change (McNemar, Psychometrika 12, 1947; exact: the
    binomial test of the discordant pairs). The interval is that of paired proportions (`measure/delta.py`).
    """
    lost, gained = len(set(new_wrong) - set(base_wrong)), len(set(base_wrong) - set(new_wrong))
    p = min(1.0, 2 * binomial_half(min(lost, gained), lost + gained))
    return Difference((gained - lost) / samples, *paired_interval(gained, lost, samples), p)


def unpaired(base: float, base_ci95: tuple[float, float], new: float, new_ci95: tuple[float, float]) -> Difference:
    """The change of a figure known with an interval in each run, as if of different samples (wider than paired).

    Newcombe's hybrid: the distances of each interval's bounds, added as squares (Statistics in Medicine 17, 1998).
    """
    effect = new - base
    low = effect - math.hypot(new - new_ci95[0], base_ci95[1] - base)
    high = effect + math.hypot(new_ci95[1] - new, base - base_ci95[0])
    return Difference(effect, low, high, None)


def independent_ratio(
    base: float, base_ci95: tuple[float, float], new: float, new_ci95: tuple[float, float]
) -> Difference:
    """The relative change of a figure above 0 that is known with an interval in each run.

    The effect is new / base, less one. Its interval adds the two's halves as independent errors of the log ratio (the
    delta method), as `latency_ratio` does.
    """
    centre = math.log(new / base)
    half = math.hypot(*(math.log(high / low) / 2 for low, high in (base_ci95, new_ci95)))
    return Difference(math.expm1(centre), math.expm1(centre - half), math.expm1(centre + half), None)
