import math

import numpy as np
import pytest
from scipy import stats

from edgerig.measure.latency import median_interval, nearest_rank, summarize


@pytest.mark.parametrize(("percent", "expected"), [(50, 20), (30, 20), (40, 20), (90, 50), (100, 50), (1, 15)])
def test_nearest_rank_takes_a_sample_that_was_seen(percent, expected):
    # The worked example of the nearest-rank method: 15, 20, 35, 40, 50 has its 30th and 40th percentile at 20.
    ordered = np.array([15, 20, 20, 40, 50]) if percent == 50 else np.array([15, 20, 35, 40, 50])
    assert nearest_rank(ordered, percent) == expected


def test_summary_is_in_milliseconds_and_keeps_the_counts():
    found = summarize([np.array([3_000_000, 1_000_000, 2_000_000])], warmup_runs=7)
    assert (found.min_ms, found.p50_ms, found.max_ms) == (1.0, 2.0, 3.0)
    assert found.mean_ms == 2.0
    assert found.std_ms == pytest.approx(math.sqrt(2 / 3))
    assert (found.samples, found.warmup_runs) == (3, 7)


def test_the_interval_holds_the_median_of_a_steady_run():
    samples = np.random.default_rng(1).normal(1e6, 1e4, 5000).astype(np.int64)
    found = median_interval(samples)
    assert found.low_ms <= 1.0 <= found.high_ms
    assert found.relative_half_width < 0.005
    assert found.blocks == 50


def test_a_drifting_run_has_a_wider_interval_than_its_samples_shuffled():
    drift = np.linspace(1e6, 2e6, 5000).astype(np.int64)
    shuffled = np.random.default_rng(0).permutation(drift)
    assert median_interval(drift).relative_half_width > 3 * median_interval(shuffled).relative_half_width


def test_too_few_samples_give_no_interval():
    found = median_interval(np.array([1, 2, 3] * 8))
    assert found.blocks == 0
    assert math.isinf(found.relative_half_width)


def test_the_same_samples_give_the_same_interval():
    samples = np.random.default_rng(3).integers(1000, 2000, 1000)
    assert median_interval(samples) == median_interval(samples)


def test_the_medians_interval_is_scipys_bootstrap_of_the_blocks_medians():
    samples = np.random.default_rng(3).lognormal(13, 0.1, 5000).astype(np.int64)
    found = median_interval(samples)
    blocks = np.array([np.median(part) for part in np.array_split(samples, found.blocks)])
    expected = stats.bootstrap(
        (blocks,), np.median, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.low_ms * 1e6 == pytest.approx(expected.confidence_interval.low, abs=0.1 * width)
    assert found.high_ms * 1e6 == pytest.approx(expected.confidence_interval.high, abs=0.1 * width)
