"""How sure a difference between two runs is: intervals and tests, apart from what is made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from edgerig.measure.latency import RESAMPLES, resampled_medians
from edgerig.measure.snapshot import LatencySnapshot

BETWEEN_FLOOR = 0.005
"""Standard deviation of a process' log median that is assumed at least, however alike the few processes seen are: runs
of one file on an idle machine differed by 0.3 to 1.1 %."""
BETWEEN_ASSUMED = 0.05
"""The same where no run was spread over several processes, so that nothing is known of it."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Of the new figure from the base's, with its 95 % interval; relative or absolute as the function says."""

    effect: float
    low: float
    high: float
    p: float | None


def latency_ratio(base: LatencySnapshot, new: LatencySnapshot) -> Difference:
    """The relative change of the median latency.

    The effect is the ratio of the geometric means of the processes' medians, less one. Its interval adds, as
    independent errors of the log ratio, (a) what one run's samples say of its own median: a bootstrap of the ratio over
    stretches of each process' samples (`measure/latency.py`), and (b) what they cannot say: two processes with the same
    file differ, so the pooled spread of the processes' medians, by Student's t for their number.
    """
    ours, theirs = np.log(new.process_p50_ms), np.log(base.process_p50_ms)
    centre = float(ours.mean() - theirs.mean())
    within = _within(base, new)
    freedom = len(ours) + len(theirs) - 2
    deviation, quantile = _between(_squares(ours) + _squares(theirs), freedom)
    between = quantile * deviation * math.sqrt(1 / len(ours) + 1 / len(theirs))
    half = math.hypot(within, between)
    statistic = abs(centre) / (half / quantile)
    p = 2 * float(special.stdtr(freedom, -statistic) if freedom else special.ndtr(-statistic))
    return Difference(math.expm1(centre), math.expm1(centre - half), math.expm1(centre + half), p)


def latency_margin(run: LatencySnapshot) -> float:
    """Half of the 95 % interval of one run's median over the median, by the same two parts."""
    logs = np.log(run.process_p50_ms)
    deviation, quantile = _between(_squares(logs), len(logs) - 1)
    within = BETWEEN_ASSUMED if run.half_width is None else run.half_width
    return math.hypot(within, quantile * deviation / math.sqrt(len(logs)))


def _between(squares: float, freedom: int) -> tuple[float, float]:
    """(standard deviation of a process' log median, the quantile that makes 95 % of it)."""
    upper = (1 + CONFIDENCE) / 2
    if not freedom:
        return BETWEEN_ASSUMED, float(special.ndtri(upper))
    return max(math.sqrt(squares / freedom), BETWEEN_FLOOR), float(special.stdtrit(freedom, upper))


def _squares(values: npt.NDArray[np.float64]) -> float:
    return float(np.sum((values - values.mean()) ** 2))


def _within(base: LatencySnapshot, new: LatencySnapshot) -> float:
    """Half of the log ratio's 95 % interval as the samples of the two runs give it."""
    if not base.blocks_ms or not new.blocks_ms:
        unknown = BETWEEN_ASSUMED
        widths = [unknown if each.half_width is None else each.half_width for each in (base, new)]
        return math.hypot(*widths)
    generator = np.random.default_rng(0)
    ratios = _resampled(new, generator) - _resampled(base, generator)
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(high - low) / 2


def _resampled(run: LatencySnapshot, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """(RESAMPLES,) log medians of the run: each process' stretches drawn anew, the processes' log medians averaged."""
    logs = np.zeros(RESAMPLES)
    for blocks in run.blocks_ms:
        logs += np.log(resampled_medians(np.asarray(blocks), generator))
    return logs / len(run.blocks_ms)


def paired_accuracy(base_wrong: tuple[int, ...], new_wrong: tuple[int, ...], samples: int) -> Difference:
    """The change of the share of right answers to the same `samples` questions, and McNemar's exact p.

    Only the samples on which the two differ say anything of a change (McNemar, Psychometrika 12, 1947; exact: the
    binomial test of the discordant pairs). Interval: Agresti and Min's, Wald's with half a pair added to each of the
    four cells (Statistics in Medicine 24, 2005).
    """
    lost, gained = len(set(new_wrong) - set(base_wrong)), len(set(base_wrong) - set(new_wrong))
    p = min(1.0, 2 * float(special.bdtr(min(lost, gained), lost + gained, 0.5)))
    n, b, c = samples + 2.0, lost + 0.5, gained + 0.5
    centre = (c - b) / n
    half = float(special.ndtri((1 + CONFIDENCE) / 2)) * math.sqrt(b + c - (c - b) ** 2 / n) / n
    return Difference((gained - lost) / samples, centre - half, centre + half, p)


def unpaired(base: float, base_ci95: tuple[float, float], new: float, new_ci95: tuple[float, float]) -> Difference:
    """The change of a figure known with an interval in each run, as if of different samples (wider than paired).

    Newcombe's hybrid: the distances of each interval's bounds, added as squares (Statistics in Medicine 17, 1998).
    """
    effect = new - base
    low = effect - math.hypot(new - new_ci95[0], base_ci95[1] - base)
    high = effect + math.hypot(new_ci95[1] - new, base - base_ci95[0])
    return Difference(effect, low, high, None)
