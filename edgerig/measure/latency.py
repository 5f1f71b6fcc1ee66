"""Latency samples → percentiles, and how sure the median is.

A median is uncertain for two reasons: its samples scatter, and another process with the same file has another median
(its memory lies otherwise, the machine's clock has moved on), which no number of samples from one process shows. One
method serves whoever needs to know by how much: the verdict, what to ship, compare and gate.

Of the processes' log medians the mean is trimmed: the largest and the smallest fifth are left out (`TRIMMED`), and
their spread is that of the winsorized ones, where each of those counts as its neighbour (Tukey and McLaughlin, Sankhya
A 25(3), 1963; of two runs: Yuen and Dixon, Biometrika 60(2), 1973). One process in ten was seen to stray by 3 to 30 %,
always upwards, where other machines share the cores: of five, one such would make the interval of a plain mean five
times as wide, and ten more would not make up for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerig.figures.verdict import MEDIAN_TOLERANCE as MEDIAN_TOLERANCE
from edgerig.measure.distributions import Z95, student_quantile
from edgerig.measure.raw_run import RawControls
from edgerig.results import QUANTILE_LEVELS, Controls, Latency, MedianInterval

TRIMMED = 0.2
"""Share of the processes left out at either end, rounded down: none of four, one of five, three of fifteen. 0.2 is the
usual choice (Wilcox, Introduction to Robust Estimation and Hypothesis Testing, 2012, section 3.3)."""
BLOCKS = 50
BLOCK_SAMPLES = 5
FEWEST_BLOCKS = 5
RESAMPLES = 2000
CONFIDENCE = 0.95
BETWEEN_FLOOR = 0.005
"""Standard deviation of a process' log median that is assumed at least, however alike the few processes seen are: runs
of one file on an idle machine differed by 0.3 to 1.1 %."""
BETWEEN_ASSUMED = 0.05
"""The same where there was one process only, so that nothing is known of it."""
TOO_FEW = f"fewer than {FEWEST_BLOCKS} stretches of {BLOCK_SAMPLES} samples"

Floats = npt.NDArray[np.float64]


def nearest_rank(ordered: npt.NDArray[np.int64], percent: float) -> int:
    """The smallest sample such that at least `percent` % of all are not above it: ordered[ceil(p/100 * n) - 1].

    `ordered` is sorted ascending and not empty. (Nearest rank: Langford, J. Statistics Education 14(3), 2006.)
    """
    return int(ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1])


def summarize(
    processes_ns: Sequence[npt.NDArray[np.int64]], warmup_runs: int, controls: Sequence[RawControls] = ()
) -> Latency:
    """Percentiles and moments in milliseconds over the samples of all processes (at least one sample each).

    `std_ms` is the population's standard deviation of these samples. `controls` are each process' own.
    """
    ordered = np.sort(np.concatenate(processes_ns))
    interval = median_interval(processes_ns)
    beside = _controls(controls)
    return Latency(
        p50_ms=nearest_rank(ordered, 50) / 1e6,
        p90_ms=nearest_rank(ordered, 90) / 1e6,
        p99_ms=nearest_rank(ordered, 99) / 1e6,
        mean_ms=float(ordered.mean()) / 1e6,
        std_ms=float(ordered.std()) / 1e6,
        min_ms=int(ordered[0]) / 1e6,
        max_ms=int(ordered[-1]) / 1e6,
        samples=len(ordered),
        warmup_runs=warmup_runs,
        quantiles_ms=tuple(nearest_rank(ordered, level) / 1e6 for level in QUANTILE_LEVELS),
        process_p50_ms=process_medians(processes_ns),
        interval=interval,
        interval_reason="" if interval is not None else TOO_FEW,
        control_ms=float(np.median(beside.clock_ms)) if beside.clock_ms else None,
        controls=beside,
    )


def _controls(processes: Sequence[RawControls]) -> Controls:
    """Of each process the median of what was timed before its loop and after it."""
    return Controls(
        clock_ms=tuple(float(np.median(each.clock_ns)) / 1e6 for each in processes if each.clock_ns),
        core_ms=tuple(float(np.median(each.core_ns)) / 1e6 for each in processes if each.core_ns),
        memory_ms=tuple(float(np.median(each.memory_ns)) / 1e6 for each in processes if each.memory_ns),
        reason=next((each.reason for each in processes if each.reason), ""),
    )


def process_medians(processes_ns: Sequence[npt.NDArray[np.int64]]) -> tuple[float, ...]:
    """The median of each process in milliseconds (nearest rank)."""
    return tuple(nearest_rank(np.sort(samples), 50) / 1e6 for samples in processes_ns)


def median_interval(processes_ns: Sequence[npt.NDArray[np.int64]]) -> MedianInterval | None:
    """The 95 % interval of the median over processes; None of fewer than `FEWEST_BLOCKS` stretches in all.

    `processes_ns` are the samples of each process in the order they were taken, int64 (S,), all above 0.
    """
    blocks = sum(_count(samples) for samples in processes_ns)
    if blocks < FEWEST_BLOCKS:
        return None
    within = half_of(resampled_logs([block_medians(samples) for samples in processes_ns]))
    return interval_of(process_medians(processes_ns), within, blocks)


def interval_of(process_p50_ms: Sequence[float], within: float, blocks: int = 0) -> MedianInterval:
    """The interval around the trimmed geometric mean of the processes' medians. It adds, as independent errors of its
    logarithm, (a) `within`, what the samples say: half of a 95 % interval, relative, and (b) what they cannot say:
    Student's t over the processes' log medians, trimmed, with a floor (`BETWEEN_FLOOR`), for one process with an
    assumption.

    (b) holds a part of (a), which makes the interval rather too wide than too narrow where processes are few.
    """
    logs = trimmed(np.log(process_p50_ms))
    half = math.hypot(within, logs.half())
    centre = logs.mean
    return MedianInterval(
        low_ms=math.exp(centre - half),
        high_ms=math.exp(centre + half),
        half_width=math.sinh(half),
        within=within,
        blocks=blocks,
        processes=len(process_p50_ms),
    )


def between(squares_: float, freedom: int, floor: float = BETWEEN_FLOOR) -> tuple[float, float]:
    """(standard deviation of a process' log median, the quantile that makes 95 % of it), of the sum of `squares_` and
    its degrees of freedom. (Student, Biometrika 6(1), 1908; the normal distribution's where there are none.)"""
    if not freedom:
        return BETWEEN_ASSUMED, Z95
    return max(math.sqrt(squares_ / freedom), floor), student_quantile(freedom)


@dataclass(frozen=True)
class Trimmed:
    """The mean of the `kept` values in the middle, and the sum of the squared distances of all, winsorized, from their
    own mean: over `kept` - 1 degrees of freedom it stands for the variance, over `kept` once more for the mean's."""

    mean: float
    squares: float
    kept: int

    def half(self, floor: float = BETWEEN_FLOOR) -> float:
        """Half of the mean's 95 % interval, of logarithms, by Student's t (`between`)."""
        deviation, quantile = between(self.squares, self.kept - 1, floor)
        return quantile * deviation / math.sqrt(self.kept)


def trimmed(values: npt.ArrayLike) -> Trimmed:
    """Of at least one number, in any order; of up to four it is the plain mean with its sum of squares."""
    ordered: Floats = np.sort(np.asarray(values, dtype=np.float64))
    left = _left_out(len(ordered))
    middle = ordered[left : len(ordered) - left]
    winsorized = ordered.clip(middle[0], middle[-1])
    return Trimmed(float(middle.mean()), float(np.sum((winsorized - winsorized.mean()) ** 2)), len(middle))


def _left_out(count: int) -> int:
    """How many of `count` are trimmed at either end."""
    return int(TRIMMED * count)


def resampled_logs(blocks: Iterable[npt.ArrayLike], generator: np.random.Generator | None = None) -> Floats:
    """(RESAMPLES,) log medians of a run: each process' stretches drawn anew, the trimmed mean of the processes' log
    medians taken.

    `blocks` are the medians of each process' consecutive stretches. Latencies drift and come in bursts, so neighbouring
    samples resemble each other and resampling them one by one would promise too much; resampling whole stretches keeps
    what is alike together (block bootstrap: Künsch, Annals of Statistics 17(3), 1989). Fixed seed.
    """
    generator = generator or np.random.default_rng(0)
    drawn = [np.log(resampled_medians(np.asarray(each, dtype=np.float64), generator)) for each in blocks]
    left = _left_out(len(drawn))
    logs: Floats = np.sort(drawn, axis=0)[left : len(drawn) - left].mean(axis=0)
    return logs


def half_of(logs: Floats) -> float:
    """Half of the percentile interval of resampled logarithms."""
    low, high = np.quantile(logs, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(high - low) / 2


def resampled_medians(values: Floats, generator: np.random.Generator) -> Floats:
    """(RESAMPLES,) medians of `values`, drawn anew with replacement."""
    medians: Floats = np.median(generator.choice(values, size=(RESAMPLES, len(values))), axis=1)
    return medians


def block_medians(samples_ns: npt.NDArray[np.int64]) -> Floats:
    """The medians of up to `BLOCKS` consecutive stretches of at least `BLOCK_SAMPLES` each (one of all, of fewer)."""
    return np.array([np.median(part) for part in np.array_split(samples_ns, max(1, _count(samples_ns)))])


def _count(samples_ns: npt.NDArray[np.int64]) -> int:
    return min(BLOCKS, len(samples_ns) // BLOCK_SAMPLES)
