"""Two runs compared: what is told from noise, what is not, and what is not compared at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgerig.compare.comparison import Comparison, MetricChange, compare
from edgerig.compare.evidence import latency_ratio, paired_accuracy, unpaired
from edgerig.compare.machine import Control, Speed, speed_of
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot, DeviceSnapshot, LatencySnapshot, Snapshot
from edgerig.compare.wording import effect_text, machine_lines

CELL = "net-torch-tflite-fp32@local/t1"


def timed(*process_p50_ms: float, control_ms: float | None = 0.118, jitter: float = 0.002) -> LatencySnapshot:
    generator = np.random.default_rng(1)
    blocks = tuple(tuple(p50 * generator.normal(1.0, jitter, 17)) for p50 in process_p50_ms)
    return LatencySnapshot(
        p50_ms=process_p50_ms[0],
        p90_ms=process_p50_ms[0] * 1.1,
        p99_ms=process_p50_ms[0] * 1.5,
        process_p50_ms=process_p50_ms,
        half_width=0.002,
        control_ms=control_ms,
        blocks_ms=blocks,
    )


def accuracy(wrong: tuple[int, ...] | None, samples: int = 540, dataset: str = "sha256 aa") -> AccuracySnapshot:
    value = 1 - len(wrong or range(5)) / samples
    return AccuracySnapshot(
        metric="top1", value=value, ci95=(value - 0.01, value + 0.005), samples=samples, dataset=dataset, wrong=wrong
    )


def cell(**changes: object) -> CellSnapshot:
    known = {
        "device": "local",
        "emulated": False,
        "status": "ok",
        "verdict": "stable",
        "undelegated": 0,
        "size_bytes": 100_000_000,
        "peak_memory_bytes": 40_000_000,
        "relative_error": 0.018,
        "outputs_sha256": "aaaa",
        "latency": timed(1.00, 1.01, 0.99),
        "accuracy": accuracy((1, 2, 3)),
    }
    return CellSnapshot.model_validate({**known, **changes})


def run(found: CellSnapshot | None, cpu: str = "cpu A") -> Snapshot:
    devices = {"local": DeviceSnapshot(kind="local", emulated=False, cpu=cpu)}
    return Snapshot(run="r", started="2026-01-01T00:00:00", devices=devices, cells={CELL: found} if found else {})


def change(base: CellSnapshot, new: CellSnapshot, metric: str, cpu: str = "cpu A") -> MetricChange:
    (only,) = compare(run(base), run(new, cpu)).cells
    return next(each for each in only.metrics if each.metric == metric)


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


def speed(clock: float = 1.0, core: float | None = 1.0, memory: float | None = 1.0, half_width: float = 0.003) -> Speed:
    """By how much slower the machine was than usual."""
    controls = {"clock": (0.118, clock), "core": (0.2, core), "memory": (4.0, memory)}
    known = {name: Control(ms=ms * slower, half_width=half_width) for name, (ms, slower) in controls.items() if slower}
    return Speed.model_validate(known)


def compared(base: CellSnapshot, new: CellSnapshot, was: Speed, now: Speed) -> tuple[MetricChange, Comparison]:
    """The change of the latency where the machine was as fast as `was` and then `now` say."""
    before, after = (
        run(found).model_copy(
            update={"devices": {"local": DeviceSnapshot(kind="local", emulated=False, cpu="cpu A", speed=speed_)}}
        )
        for found, speed_ in ((base, was), (new, now))
    )
    found = compare(before, after)
    return next(each for each in found.cells[0].metrics if each.metric == "latency"), found


def test_a_machine_that_was_slower_in_an_older_run_makes_latencies_inconclusive_once() -> None:
    """Without the second control there is no correction: as it was before there was one."""
    slowed = cell(latency=timed(1.2, 1.21, 1.19, control_ms=0.14))
    found = compare(run(cell()), run(slowed))
    (latency,) = (each for each in found.cells[0].metrics if each.metric == "latency")
    assert (latency.label, latency.measured) == ("inconclusive", None)
    assert latency.reason == "the machine itself changed: see the note on it"
    (told,) = machine_lines(found)
    assert told.startswith("local: the machine took +18.6 %")
    assert "no latency is compared" in told
    nearly = compare(run(cell()), run(cell(latency=timed(1.00, 1.01, 0.99, control_ms=0.120))))
    assert nearly.cells[0].label == "same"
    assert "as measured" in machine_lines(nearly)[0]


@pytest.mark.parametrize(
    ("slower", "label"), [(1.0, "same"), (1.10, "regressed"), (0.9, "improved"), (1.05, "inconclusive")]
)
@pytest.mark.parametrize("clock", [0.9, 0.945, 1.0, 1.055, 1.2])
def test_a_change_of_the_clock_is_corrected_for_and_one_of_the_build_is_still_seen(
    clock: float, slower: float, label: str
) -> None:
    new = cell(latency=timed(*(clock * slower * p50 for p50 in (1.00, 1.01, 0.99))))
    found, comparison = compared(cell(), new, speed(), speed(clock, clock, clock))
    assert found.label == label
    assert found.effect == pytest.approx(slower - 1, abs=1e-6)
    assert found.measured == pytest.approx(clock * slower - 1, abs=1e-6)
    assert f"{100 * (clock - 1):+.1f} %" in machine_lines(comparison)[0]
    assert "as measured" in effect_text(found)


def test_how_exactly_the_machine_is_known_widens_the_interval() -> None:
    exact, _ = compared(cell(), cell(), speed(), speed())
    vague, _ = compared(cell(), cell(), speed(), speed(half_width=0.06))
    assert vague.high - vague.low > exact.high - exact.low + 0.04
    assert (exact.label, vague.label) == ("same", "inconclusive")


@pytest.mark.parametrize(
    ("clock", "core", "memory"), [(1.0, 1.0, 1.3), (1.2, 1.2, 1.0), (1.0, 1.7, 1.0), (1.0, 1.0, 0.7), (1.0, 1.3, None)]
)
def test_where_the_controls_disagree_it_is_inconclusive_and_said_once(
    clock: float, core: float, memory: float | None
) -> None:
    new = cell(latency=timed(*(clock * p50 for p50 in (1.00, 1.01, 0.99))))
    found, comparison = compared(cell(), new, speed(), speed(clock, core, memory))
    assert found.label == "inconclusive"
    assert found.reason == "the machine itself changed: see the note on it"
    assert "more than chance explains" in machine_lines(comparison)[0]


@pytest.mark.parametrize(("size_bytes", "label"), [(100_000, "same"), (4_000_000, "inconclusive")])
def test_memory_matters_to_what_reads_it(size_bytes: int, label: str) -> None:
    """At 16 GB/s, a millisecond reads 16 MB: 4 MB twice are half of it."""
    found, _ = compared(cell(size_bytes=size_bytes), cell(size_bytes=size_bytes), speed(), speed(1.0, 1.0, 1.2))
    assert found.label == label


def test_what_follows_another_control_than_the_clock_is_no_regression() -> None:
    """A neighbour on the same core: its arithmetic takes 40 % longer, some networks by as much, others by little."""
    for slower, label in ((1.0, "inconclusive"), (1.2, "inconclusive"), (1.4, "inconclusive"), (2.0, "regressed")):
        new = cell(latency=timed(*(slower * p50 for p50 in (1.00, 1.01, 0.99))))
        assert compared(cell(), new, speed(), speed(1.0, 1.4, 1.1))[0].label == label


@pytest.mark.parametrize(("own", "label"), [(1.0, "regressed"), (1.02, "regressed"), (1.3, "inconclusive")])
def test_a_neighbour_beside_one_cell_alone_is_seen_by_its_own_control(own: float, label: str) -> None:
    base = cell(latency=timed(1.0, 1.01, 0.99).model_copy(update={"core_control_ms": 0.2}))
    new = cell(latency=timed(1.25, 1.26, 1.24).model_copy(update={"core_control_ms": 0.2 * own}))
    found, _ = compared(base, new, speed(), speed())
    assert found.label == label
    assert ("beside this cell took +30%" in found.reason) == (own == 1.3)


@pytest.mark.parametrize(("own", "label"), [(1.15, "regressed"), (1.3, "inconclusive")])
def test_a_core_that_was_shared_all_the_time_is_seen_by_what_lies_beside_the_samples(own: float, label: str) -> None:
    """What chose them differs by chance up to the limit of the choice; the longer control met other neighbours."""
    base = {"core_control_ms": 0.2, "beside_ms": 0.009}
    new = {"core_control_ms": 0.3, "beside_ms": 0.009 * own}
    found, _ = compared(
        cell(latency=timed(1.0, 1.01, 0.99).model_copy(update=base)),
        cell(latency=timed(1.25, 1.26, 1.24).model_copy(update=new)),
        speed(),
        speed(),
    )
    assert found.label == label


def test_a_machine_that_is_twice_as_slow_is_not_corrected_for() -> None:
    new = cell(latency=timed(1.4, 1.41, 1.39))
    found, comparison = compared(cell(), new, speed(), speed(1.4, 1.4, 1.4))
    assert (found.label, found.measured) == ("inconclusive", None)
    assert "more than the 25%" in machine_lines(comparison)[0]


def test_another_processor_has_no_correction() -> None:
    found = compare(run(cell()), run(cell(), cpu="cpu B"))
    assert found.machines == ()


def test_the_machine_is_known_the_better_the_more_cells_were_run() -> None:
    generator = np.random.default_rng(5)
    cells = [tuple(0.118 * np.exp(generator.normal(0, 0.01, 5))) for _ in range(24)]
    many, few, one = (speed_of(found).clock for found in (cells, cells[:2], [cells[0][:1]]))
    assert many is not None and few is not None and one is not None
    assert many.half_width < few.half_width < one.half_width
    assert many.ms == pytest.approx(0.118, rel=0.005)
    assert speed_of([], [()], []) == Speed()


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
