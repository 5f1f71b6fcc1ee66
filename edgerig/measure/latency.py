"""Latency samples → percentiles, and how sure the median is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerig.results import QUANTILE_LEVELS, Latency

MEDIAN_TOLERANCE = 0.02
BLOCKS = 50
RESAMPLES = 2000


def nearest_rank(ordered: npt.NDArray[np.int64], percent: float) -> int:
    """The smallest sample such that at least `percent` % of all are not above it: ordered[ceil(p/100 * n) - 1].

    `ordered` is sorted ascending and not empty. (Nearest rank: Langford, J. Statistics Education 14(3), 2006.)
    """
    return int(ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1])


def summarize(
    processes_ns: Sequence[npt.NDArray[np.int64]], warmup_runs: int, controls_ns: Sequence[int] = ()
) -> Latency:
    """Percentiles and moments in milliseconds over the samples of all processes (at least one sample each).

    `std_ms` is the population's standard deviation of these samples.
    """
    ordered = np.sort(np.concatenate(processes_ns))
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
        process_p50_ms=tuple(nearest_rank(np.sort(samples), 50) / 1e6 for samples in processes_ns),
        control_ms=float(np.median(controls_ns)) / 1e6 if controls_ns else None,
    )


@dataclass(frozen=True)
class MedianInterval:
    """A 95 % interval of the median. `blocks` 0 means too few samples for one, and no interval."""

    low_ms: float
    high_ms: float
    relative_half_width: float
    blocks: int


def median_interval(samples_ns: npt.NDArray[np.int64]) -> MedianInterval:
    """Bootstrap over the medians of up to `BLOCKS` consecutive stretches of the run.

    Latencies drift and come in bursts, so neighbouring samples resemble each other and resampling them one by one
    would promise too much; resampling whole stretches keeps what is alike together (block bootstrap: Künsch, Annals
    of Statistics 17(3), 1989). Percentile interval, fixed seed. `relative_half_width` is half the interval over the
    median of the stretches' medians. Stretches hold at least 5 samples; fewer than 5 stretches give no interval.
    """
    blocks = _count(samples_ns)
    if blocks < 5:
        median = float(np.median(samples_ns)) / 1e6
        return MedianInterval(median, median, math.inf, 0)
    medians = block_medians(samples_ns)
    low, high = map(float, np.quantile(resampled_medians(medians, np.random.default_rng(0)), [0.025, 0.975]))
    return MedianInterval(low / 1e6, high / 1e6, (high - low) / 2 / max(float(np.median(medians)), 1.0), blocks)


def resampled_medians(values: npt.NDArray[np.float64], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """(RESAMPLES,) medians of `values`, drawn anew with replacement."""
    medians: npt.NDArray[np.float64] = np.median(generator.choice(values, size=(RESAMPLES, len(values))), axis=1)
    return medians


def block_medians(samples_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The medians of up to `BLOCKS` consecutive stretches of at least 5 samples each (one of all, of fewer)."""
    return np.array([np.median(part) for part in np.array_split(samples_ns, max(1, _count(samples_ns)))])


def _count(samples_ns: npt.NDArray[np.int64]) -> int:
    return min(BLOCKS, len(samples_ns) // 5)
