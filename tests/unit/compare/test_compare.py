"""Two runs compared: what is told from noise, what is not, and what is not compared at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from unit.compare.snapshots import accuracy, cell, change, run, timed

from edgerig.compare.comparison import compare
from edgerig.compare.evidence import latency_ratio, paired_accuracy, unpaired
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot


def test_a_run_is_the_same_as_itself() -> None:
    (found,) = compare(run(cell()), run(cell())).cells
    assert found.label == "same"
    assert {each.metric: each.label for each in found.metrics} == {
        "size": "same",
        "latency": "same",
        "memory": "same",
        "accuracy": "same",
        "parity": "same",
        "instructions": "not compared",
        "energy": "not compared",
    }


@pytest.mark.parametrize(
    ("processes", "label"),
    [
        ((1.00, 1.01, 0.99), "same"),
        ((1.02, 1.03, 1.01), "same"),  # certain, and too small to count
        ((1.10, 1.11, 1.09), "regressed"),
        ((0.90, 0.91, 0.89), "improved"),
        ((1.00, 1.20, 1.10), "inconclusive"),  # large, and the processes disagree
        ((1.05, 1.06, 1.05), "inconclusive"),  # across the minimum
    ],
)
def test_a_latency_is_labelled_by_its_interval(processes: tuple[float, float, float], label: str) -> None:
    found = change(cell(), cell(latency=timed(*processes)), "latency")
    assert found.label == label
    assert found.low < found.effect < found.high
    assert label != "inconclusive" or found.reason


def test_one_process_a_run_says_little_and_says_why() -> None:
    base, new = cell(latency=timed(1.0)), cell(latency=timed(1.1))
    assert change(base, new, "latency").label == "inconclusive"
    assert "run.repeats" in change(base, new, "latency").reason
    assert change(base, cell(latency=timed(2.0)), "latency").label == "regressed"
    assert change(base, base, "latency").label == "inconclusive"


def test_samples_that_wander_widen_the_interval() -> None:
    calm = latency_ratio(timed(1, 1, 1), timed(1, 1, 1))
    wild = latency_ratio(timed(1, 1, 1, jitter=0.2), timed(1, 1, 1, jitter=0.2))
    assert wild.high - wild.low > 2 * (calm.high - calm.low)


def test_without_the_raw_samples_the_recorded_width_counts() -> None:
    bare = [timed(*p50).model_copy(update={"blocks_ms": ()}) for p50 in ((1.0, 1.01, 0.99), (1.1, 1.11, 1.09))]
    assert change(cell(latency=bare[0]), cell(latency=bare[1]), "latency").label == "regressed"


def test_a_noisy_latency_is_compared_by_its_interval() -> None:
    slower = change(cell(), cell(verdict="noisy", latency=timed(2.7, 3.0, 3.3)), "latency")
    assert slower.label == "regressed"
    open_ = change(cell(), cell(verdict="noisy", latency=timed(0.9, 1.0, 1.1)), "latency")
    assert (open_.label, "the interval reaches" in open_.reason) == ("inconclusive", True)


@pytest.mark.parametrize("label", ["throttled", "contended", "wrong"])
def test_what_the_verdict_doubts_is_inconclusive(label: str) -> None:
    found = change(cell(), cell(verdict=label, latency=timed(3.0, 3.0, 3.0)), "latency")
    assert (found.label, label in found.reason) == ("inconclusive", True)


def test_a_fallback_is_compared_with_the_same_fallback_only() -> None:
    fallback = cell(verdict="fallback", undelegated=5)
    assert change(fallback, fallback, "latency").label == "same"
    assert change(cell(), fallback, "latency").label == "inconclusive"
    assert change(fallback, cell(verdict="fallback", undelegated=6), "latency").label == "inconclusive"


def test_another_processor_is_not_compared_by_time_or_count() -> None:
    counted = cell(instructions=1000)
    for metric in ("latency", "instructions"):
        found = change(counted, counted, metric, cpu="cpu B")
        assert (found.label, "cpu B" in found.reason) == ("inconclusive", True)
    assert change(counted, counted, "size", cpu="cpu B").label == "same"


def test_emulated_latency_is_never_compared_and_its_instructions_are() -> None:
    base = cell(emulated=True, verdict="emulated", instructions=100_000, instructions_spread=10)
    new = cell(emulated=True, verdict="emulated", instructions=102_000, instructions_spread=10, latency=timed(9, 9, 9))
    assert change(base, new, "latency").label == "not compared"
    assert change(base, new, "latency").effect is None
    assert change(base, new, "instructions").label == "regressed"
    assert change(base, base, "instructions").label == "same"


@pytest.mark.parametrize("faster", [5, 15])
def test_what_a_server_tells_is_not_compared_with_round_trips(faster: float) -> None:
    trips, told = (
        timed(*[ms] * 3).model_copy(update={"timed": of}) for ms, of in ((10, "round trip"), (faster, "server"))
    )
    found = change(cell(latency=trips), cell(latency=told), "latency")
    assert found.label == "not compared"
    assert "round trip" in found.reason
    assert change(cell(latency=trips), cell(latency=trips), "latency").label == "same"


def test_counts_that_wander_are_inconclusive() -> None:
    base, new = cell(instructions=100_000), cell(instructions=100_700, instructions_spread=1000)
    assert change(base, new, "instructions").label == "inconclusive"


@pytest.mark.parametrize(
    ("field", "metric", "was", "now", "label"),
    [
        ("size_bytes", "size", 100, 100, "same"),
        ("size_bytes", "size", 1000, 1005, "same"),
        ("size_bytes", "size", 1000, 1020, "regressed"),
        ("size_bytes", "size", 1000, 900, "improved"),
        ("size_bytes", "size", 0, 900, "regressed"),
        ("peak_memory_bytes", "memory", 1000, 1090, "same"),
        ("peak_memory_bytes", "memory", 1000, 1110, "regressed"),
        ("relative_error", "parity", 2.1e-7, 3e-7, "same"),
        ("relative_error", "parity", 0.018, 0.0215, "regressed"),
        ("relative_error", "parity", 0.0, 0.01, "regressed"),
        ("relative_error", "parity", 0.03, 0.01, "improved"),
    ],
)
def test_what_repeats_is_labelled_by_the_minimum(field: str, metric: str, was: float, now: float, label: str) -> None:
    assert change(cell(**{field: was}), cell(**{field: now}), metric).label == label


@pytest.mark.parametrize(
    ("wrong", "label"),
    [
        ((1, 2, 3), "same"),
        ((1, 2, 4), "same"),
        ((1, 2, 3, 4, 5, 6, 7, 8, 9), "inconclusive"),
        (tuple(range(40)), "regressed"),
    ],
)
def test_accuracy_is_compared_sample_by_sample(wrong: tuple[int, ...], label: str) -> None:
    found = change(cell(), cell(accuracy=accuracy(wrong), outputs_sha256="bbbb"), "accuracy")
    assert found.label == label
    assert "newly wrong" in found.reason


def test_the_same_outputs_are_the_same_accuracy_however_few_the_samples() -> None:
    few = accuracy((1,), samples=10)
    assert change(cell(accuracy=few), cell(accuracy=few), "accuracy").label == "same"
    other = cell(accuracy=few, outputs_sha256="bbbb")
    assert change(cell(accuracy=few), other, "accuracy").label == "inconclusive"


def test_other_evaluation_data_is_not_compared() -> None:
    found = change(cell(), cell(accuracy=accuracy((1, 2, 3), dataset="sha256 bb")), "accuracy")
    assert (found.label, "sha256 bb" in found.reason) == ("inconclusive", True)


def test_a_figure_that_is_gone_is_inconclusive_and_a_new_one_is_not_compared() -> None:
    gone = cell(accuracy=None, reasons={"accuracy": "the labels were lost"})
    assert change(cell(), gone, "accuracy").label == "inconclusive"
    assert "the labels were lost" in change(cell(), gone, "accuracy").reason
    assert change(gone, cell(), "accuracy").label == "not compared"


def test_cells_of_one_run_only_and_failed_ones_are_listed() -> None:
    assert [each.presence for each in compare(run(None), run(cell())).cells] == ["new only"]
    assert [each.presence for each in compare(run(cell()), run(None)).cells] == ["base only"]
    failed = cell(status="failed", reasons={"status": "build: no memory"})
    (found,) = compare(run(cell()), run(failed)).cells
    assert (found.label, found.metrics) == ("not compared", ())
    assert found.reason == "ok in the base, failed now: build: no memory"


@pytest.mark.parametrize(
    ("now", "higher_is_better", "label"),
    [(40.0, True, "same"), (35.0, True, "regressed"), (35.0, False, "improved"), (45.0, False, "regressed")],
)
def test_a_metric_that_is_no_share_is_relative_and_has_its_direction(
    now: float, higher_is_better: bool, label: str
) -> None:
    def measured(value: float) -> CellSnapshot:
        found = AccuracySnapshot(
            metric="psnr",
            value=value,
            ci95=(value - 0.1, value + 0.1),
            higher_is_better=higher_is_better,
            unit="dB",
            samples=50,
            dataset="d",
        )
        return cell(accuracy=found, outputs_sha256=f"{value}")

    found = change(measured(40.0), measured(now), "accuracy")
    assert (found.label, found.unit) == (label, "%")
    assert found.effect == pytest.approx(now / 40 - 1)


def test_mcnemar_as_published() -> None:
    """The exact binomial p of 3 against 12 discordant pairs: 2 * P(X <= 3), X ~ B(15, 1/2)."""
    found = paired_accuracy(tuple(range(12)), tuple(range(100, 103)), 200)
    assert found.p == pytest.approx(0.03515625)
    assert found.effect == pytest.approx(9 / 200)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (0, 1), (3, 3), (12, 3), (2, 9), (40, 38), (300, 200)])
def test_mcnemars_p_is_scipys_exact_binomial_test(lost: int, gained: int) -> None:
    found = paired_accuracy(tuple(range(gained)), tuple(range(1000, 1000 + lost)), 2000)
    expected = stats.binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert found.p == pytest.approx(expected, abs=1e-12)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Coverage over simulated pairs of runs: five processes each, of sd 1 %, 3 % apart in truth."""
    generator = np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        base = timed(*np.exp(generator.normal(0.0, 0.01, 5)))
        new = timed(*np.exp(generator.normal(np.log(1.03), 0.01, 5)))
        found = latency_ratio(base, new)
        inside += found.low <= 0.03 <= found.high
    assert inside >= 185


def test_unpaired_is_wider_than_paired() -> None:
    paired = paired_accuracy((1, 2, 3), (1, 2, 3), 540)
    apart = unpaired(0.99, (0.98, 0.995), 0.99, (0.98, 0.995))
    assert apart.high - apart.low > paired.high - paired.low
