import math

import numpy as np
import pytest
from scipy import stats

from edgerig.measure.latency import (
    BETWEEN_FLOOR,
    block_medians,
    half_of,
    interval_of,
    median_interval,
    nearest_rank,
    resampled_logs,
    summarize,
    trimmed,
)
from edgerig.measure.raw_run import RawControls


@pytest.mark.parametrize(("percent", "expected"), [(50, 20), (30, 20), (40, 20), (90, 50), (100, 50), (1, 15)])
def test_nearest_rank_takes_a_sample_that_was_seen(percent: int, expected: int) -> None:
    # The worked example of the nearest-rank method: 15, 20, 35, 40, 50 has its 30th and 40th percentile at 20.
    ordered = np.array([15, 20, 20, 40, 50]) if percent == 50 else np.array([15, 20, 35, 40, 50])
    assert nearest_rank(ordered, percent) == expected


def test_summary_is_in_milliseconds_and_keeps_the_counts() -> None:
    found = summarize([np.array([3_000_000, 1_000_000, 2_000_000])], warmup_runs=7)
    assert (found.min_ms, found.p50_ms, found.max_ms) == (1.0, 2.0, 3.0)
    assert found.mean_ms == 2.0
    assert found.std_ms == pytest.approx(math.sqrt(2 / 3))
    assert (found.samples, found.warmup_runs) == (3, 7)


def steady(processes: int = 5, seed: int = 1, between: float = 0.0, samples: int = 1000) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    medians = 1e6 * np.exp(generator.normal(0.0, between, processes))
    return [generator.normal(median, 1e4, samples).astype(np.int64) for median in medians]


def test_controls_are_the_medians_of_each_process_and_of_all() -> None:
    controls = [
        RawControls(clock_ns=[100, 200], core_ns=[1000], memory_ns=[4_000_000, 5_000_000]),
        RawControls(clock_ns=[300, 300], reason="no room"),
        RawControls(reason="no room"),
    ]
    found = summarize(steady(3), 0, controls)
    assert (found.controls.clock_ms, found.controls.core_ms) == ((0.00015, 0.0003), (0.001,))
    assert found.control_ms == pytest.approx(0.000225)
    assert (found.controls.memory_ms, found.controls.reason) == ((4.5,), "no room")
    assert summarize(steady(3), 0).control_ms is None


def test_the_interval_holds_the_median_of_steady_processes() -> None:
    found = median_interval(steady())
    assert found is not None
    assert found.low_ms <= 1.0 <= found.high_ms
    assert (found.blocks, found.processes) == (250, 5)
    # Nothing differs between these, so that the floor is what is left, of the middle three: t(2) * 0.5 % / sqrt(3).
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * BETWEEN_FLOOR / math.sqrt(3), rel=0.05)
    assert found.within < 0.002


def test_processes_that_differ_widen_the_interval_which_their_samples_do_not() -> None:
    found = median_interval([np.full(1000, ns) for ns in (970_000, 1_000_000, 1_030_000)])
    assert found is not None
    assert found.within == 0.0
    # By hand: the logarithms' standard deviation is 0.030005, t(2) is 4.3027, so 4.3027 * 0.030005 / sqrt(3) = 0.07454.
    assert found.half_width == pytest.approx(0.0746, abs=2e-4)
    assert found.low_ms == pytest.approx(0.9996 * math.exp(-0.07454), abs=5e-4)


@pytest.mark.parametrize(("count", "left"), [(3, 0), (4, 0), (5, 1), (10, 2), (15, 3)])
def test_the_trimmed_mean_and_its_error_are_those_of_scipy(count: int, left: int) -> None:
    values = np.random.default_rng(count).normal(0.0, 0.01, count)
    found = trimmed(values)
    assert found.kept == count - 2 * left
    assert found.mean == pytest.approx(stats.trim_mean(values, 0.2))
    winsorized = np.asarray(stats.mstats.winsorize(values, (left / count, left / count)))
    assert found.squares == pytest.approx(winsorized.var(ddof=1) * (count - 1))
    yuen = stats.ttest_1samp(values, 0.01) if not left else stats.ttest_ind(values, values + 0.01, trim=0.2)
    error = math.sqrt(found.squares / (found.kept - 1) / found.kept)
    distance = (found.mean - 0.01) / error if not left else -0.01 / (error * math.sqrt(2))
    assert yuen.statistic == pytest.approx(distance)


def test_one_process_that_strays_neither_moves_nor_widens_the_interval() -> None:
    still = interval_of([1.0, 1.001, 1.002, 1.003, 1.004], 0.001)
    strays = interval_of([1.0, 1.001, 1.002, 1.003, 1.3], 0.001)
    assert (strays.low_ms, strays.high_ms) == (still.low_ms, still.high_ms)
    two = interval_of([1.0, 1.001, 1.002, 1.25, 1.3], 0.001)
    assert two.half_width > 10 * still.half_width, "two of five nobody can call strays"


def test_one_process_is_known_by_an_assumption_and_says_so() -> None:
    found = median_interval(steady(1))
    assert found is not None
    assert found.processes == 1
    assert found.half_width > 0.09
    assert found.within < 0.005


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """500 runs of five processes of 20 samples, which differ by 1 %: their own median, 1.0 ms, lies inside."""
    inside = sum(
        interval.low_ms <= 1.0 <= interval.high_ms
        for seed in range(500)
        if (interval := median_interval(steady(seed=seed, between=0.01, samples=40))) is not None
    )
    assert 465 <= inside <= 500


def test_the_median_reported_lies_in_its_interval() -> None:
    for seed in range(50):
        found = summarize(steady(3, seed, between=0.02), 0)
        assert found.interval is not None
        assert found.interval.low_ms <= found.p50_ms <= found.interval.high_ms


def test_a_drifting_run_has_a_wider_interval_than_its_samples_shuffled() -> None:
    drift = np.linspace(1e6, 2e6, 5000).astype(np.int64)
    shuffled = np.random.default_rng(0).permutation(drift)
    own, other = median_interval([drift]), median_interval([shuffled])
    assert own is not None and other is not None
    assert own.within > 3 * other.within


def test_too_few_samples_give_no_interval_and_the_reason() -> None:
    found = summarize([np.array([1, 2, 3] * 8)], 0)
    assert found.interval is None
    assert "fewer than 5 stretches of 5 samples" in found.interval_reason
    assert summarize([np.array([1, 2, 3, 4, 5])] * 5, 0).interval is not None


def test_the_same_samples_give_the_same_interval() -> None:
    samples = np.random.default_rng(3).integers(1000, 2000, 1000)
    assert median_interval([samples]) == median_interval([samples])


def test_what_the_samples_say_is_scipys_bootstrap_of_the_blocks_medians() -> None:
    samples = np.random.default_rng(3).lognormal(13, 0.1, 5000).astype(np.int64)
    blocks = block_medians(samples)
    expected = stats.bootstrap(
        (np.log(blocks),), np.median, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert len(blocks) == 50
    assert half_of(resampled_logs([blocks])) == pytest.approx(width / 2, rel=0.1)


def test_an_interval_of_absurd_processes_is_a_number() -> None:
    found = interval_of([1e-9, 1e9], 10.0)
    assert 0 < found.low_ms < found.high_ms < math.inf
