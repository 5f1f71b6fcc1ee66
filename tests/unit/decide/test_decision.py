"""What is recommended, and what is not: the rule, its limits and its words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from unit.decide.decided import DEFAULT, decided, limited, timed, variant
from unit.made_results import cells_of, changed

from edgerig.decide.decision import decisions
from edgerig.measure.latency import interval_of
from edgerig.results import (
    Accuracy,
    Cost,
    MedianInterval,
    Results,
    Verdict,
    VerdictEvidence,
    wording,
)
from edgerig.results.median import median_interval
from edgerig.spec import SweepBudget


def test_the_fastest_within_the_budget_is_recommended(results: Results) -> None:
    found = decided(results, cells_of(results, 0, 0))
    # tflite int8-static takes 0.0204 ms; tflite fp16 is the fastest of those that lose no more than a point.
    assert (found.state, variant(found.pick), variant(found.runner_up)) == ("recommended", "tflite fp16", "tflite fp32")
    assert found.why == (
        "Best measured, then smallest, of the 2 that are not told apart from the fastest of 8 variants within "
        "1 point of fp32's 98.5 %; against the best fp32, tflite fp32: as fast (12.9 µs), 28 % smaller (111 kB), "
        "same accuracy."
    )
    assert found.tradeoff == "as fast (13.1 µs), 40 % larger (155 kB), same accuracy"
    assert found.ruled_out == "2 losing more than 1 point, 1 unsupported, 1 failed"


def test_every_model_on_every_device_has_a_decision(results: Results) -> None:
    found = decisions(results, DEFAULT)
    assert [(one.device, one.model) for one in found] == [
        (device, record.model) for device in results.devices for record in results.models.values()
    ]


@pytest.mark.parametrize(("accuracy", "within"), [(0.975185, True), (0.9751, False)])
def test_a_point_includes_its_end(results: Results, accuracy: float, within: bool) -> None:
    fp32, faster = cells_of(results, 0, 0)[0], cells_of(results, 0, 0)[1]
    faster = timed(faster, 0.001, accuracy=Accuracy(metric="top1", value=accuracy, samples=540))
    found = decided(results, [fp32, faster])
    assert variant(found.pick) == ("tflite fp16" if within else "tflite fp32")


def test_a_wider_drop_lets_the_smaller_in(results: Results) -> None:
    cells = [timed(cell, 1 if cell.recipe == "int8-static" else 2) for cell in cells_of(results, 0, 0)[:4]]
    assert variant(decided(results, cells).pick) != "tflite int8-static"
    assert variant(decided(results, cells, SweepBudget(accuracy_drop=0.02)).pick) == "tflite int8-static"


def test_size_and_latency_limits_rule_out(results: Results) -> None:
    cells = cells_of(results, 0, 0)
    small = decided(results, cells, limited(size_bytes=100_000))
    assert variant(small.pick) == "tflite int8-dynamic"
    assert "6 larger than 100 kB" in small.ruled_out
    assert "and at most 100 kB" in small.why
    quick = decided(results, cells, limited(latency_p50_ms=0.013))
    assert variant(quick.pick) == "tflite fp16"
    assert quick.runner_up is None
    assert quick.why.startswith("The only variant within 1 point of fp32's 98.5 % and at most 13.0 µs")


def test_nothing_fits_and_every_reason_is_counted(results: Results) -> None:
    found = decided(results, cells_of(results, 0, 0), limited(size_bytes=10))
    assert (found.state, found.pick) == ("none", None)
    assert found.why == (
        "No variant can be recommended: 8 larger than 0.0100 kB, 2 losing more than 1 point, 1 unsupported, 1 failed."
    )


def test_a_cell_that_computes_something_else_is_never_recommended(results: Results) -> None:
    wrong = Verdict(label="wrong", evidence=VerdictEvidence(), advice="do not ship")
    cells = [
        changed(cell, verdict=wrong) if cell.status == "ok" and cell.format == "tflite" else cell
        for cell in cells_of(results, 0, 0)
    ]
    found = decided(results, cells)
    assert found.pick is not None and found.pick.format == "executorch"
    assert "4 computing something else on the device" in found.ruled_out


def test_the_accuracy_of_a_wrong_cell_is_no_bar(results: Results) -> None:
    fp32, other = cells_of(results, 0, 0)[:2]
    wrong = changed(
        fp32,
        accuracy=Accuracy(metric="top1", value=1.0, samples=540),
        verdict=Verdict(label="wrong", evidence=VerdictEvidence(), advice=""),
    )
    assert variant(decided(results, [wrong, other]).pick) == "tflite fp16"


def test_overlapping_intervals_are_not_told_apart_and_the_smaller_wins(results: Results) -> None:
    first, second = cells_of(results, 0, 0)[:2]  # 155 kB and 111 kB
    apart = [timed(first, 1.0, (0.99, 1.01)), timed(second, 1.1, (1.05, 1.15))]
    assert variant(decided(results, apart).pick) == "tflite fp32"
    overlapping = [timed(first, 1.0, (0.95, 1.06)), timed(second, 1.1, (1.05, 1.15))]
    found = decided(results, overlapping)
    assert variant(found.pick) == "tflite fp16"
    assert "of the 2 that are not told apart from the fastest" in found.why
    assert found.tradeoff.startswith("as fast (1.00 ms)")


def test_the_better_measured_wins_among_those_not_told_apart(results: Results) -> None:
    stable, noisy = cells_of(results, 0, 0)[:2]
    found = decided(results, [timed(stable, 1.0, (0.99, 1.01)), timed(noisy, 0.9, (0.7, 1.2), label="noisy")])
    assert variant(found.pick) == "tflite fp32"
    assert found.state == "recommended"


def test_a_noisy_pick_is_provisional_and_says_so(results: Results) -> None:
    found = decided(results, [timed(cells_of(results, 0, 0)[0], 1.0, label="noisy")])
    assert found.state == "provisional"
    assert found.cautions[0] == "its latency is noisy: the median is known to ±9 % only"


def test_a_contended_variant_is_not_ranked_and_leaves_the_choice_open(results: Results) -> None:
    """Its median of 0.5 ms, or of 50, is other processes' as well."""
    first, second, third = cells_of(results, 0, 0)[:3]
    for p50 in (0.5, 50.0):
        contended = timed(second, p50, label="contended")
        found = decided(results, [timed(first, 1.0, (0.99, 1.01)), contended, timed(third, 2.0, (1.99, 2.01))])
        assert variant(found.pick) == "tflite fp32"
        assert found.state == "provisional"
        assert "1 variant may be faster: contended" in " ".join(found.cautions)
        assert "1 contended" in found.ruled_out


def test_no_recommendation_where_all_are_contended(results: Results) -> None:
    found = decided(results, [timed(cell, 1.0, label="contended") for cell in cells_of(results, 0, 0)[:2]])
    assert found.pick is None
    assert "2 contended" in found.why


def test_a_fallback_is_recommended_with_its_advice(results: Results) -> None:
    found = decided(results, [timed(cells_of(results, 0, 0)[0], 1.0, label="fallback")])
    assert found.state == "recommended"
    assert found.cautions == ("the median is known to ±9 % only",)


def test_a_median_that_may_be_above_the_limit_is_cautioned(results: Results) -> None:
    cell = timed(cells_of(results, 0, 0)[0], 1.0, (0.9, 1.2))
    found = decided(results, [cell], limited(latency_p50_ms=1.1))
    assert (found.state, found.cautions) == ("provisional", ("its median may be up to 1.20 ms, above the limit",))
    assert decided(results, [cell], limited(latency_p50_ms=1.3)).state == "recommended"


def test_the_interval_is_the_results_own_and_older_ones_show_what_they_had(results: Results) -> None:
    older = timed(cells_of(results, 0, 0)[0], 1.0, (0.99, 1.01))
    assert older.latency is not None
    assert median_interval(older) == (0.99, 1.01)
    interval = interval_of((0.97, 1.0, 1.03), 0.0006)
    newer = changed(older, latency=older.latency.model_copy(update={"interval": interval}))
    assert median_interval(newer) == (interval.low_ms, interval.high_ms)
    assert decided(results, [newer], limited(latency_p50_ms=1.05)).state == "provisional"


@pytest.mark.parametrize(
    ("lost", "ends", "state"),
    [
        (0.000, (-0.005, 0.005), "recommended"),
        (0.004, (-0.013, 0.003), "provisional"),  # it may have lost 1.3 points
        (0.004, (-0.009, 0.001), "recommended"),
    ],
)
def test_a_loss_that_may_be_above_the_budget_is_provisional(
    results: Results, lost: float, ends: tuple[float, float], state: str
) -> None:
    fp32, other = cells_of(results, 0, 0)[:2]
    found = fp32.accuracy
    accuracy = found.model_copy(update={"value": (found.value or 0) - lost, "delta": -lost, "delta_ci95": ends})
    decision = decided(results, [timed(fp32, 2.0), timed(other, 1.0, accuracy=accuracy)])
    assert (variant(decision.pick), decision.state) == ("tflite fp16", state)
    told = [text for text in decision.cautions if "is open" in text]
    assert bool(told) == (state == "provisional")
    assert not told or "0.40 points of fp32's 98.5 %, 95 % interval -0.3 to 1.3 (540 samples)" in told[0]


def test_an_emulated_device_is_ranked_by_instructions(results: Results) -> None:
    cells = cells_of(results, 0, 1)
    slow = changed(cells[3], cost=Cost(instructions=1, spread=0), accuracy=cells[0].accuracy)
    found = decided(results, [*cells[:3], slow])
    assert found.pick == slow
    assert "an emulator's time is not ranked" in found.why
    assert found.state == "provisional"
    assert found.cautions == (
        "chosen by instructions, which are not time: only a real device tells which variant is faster",
    )
    assert " ms" not in found.why + found.tradeoff + wording.described(slow)


def test_an_emulated_device_without_counts_is_ranked_by_size(results: Results) -> None:
    cells = [changed(cell, cost=Cost(reason="not counted")) for cell in cells_of(results, 0, 1)]
    found = decided(results, cells)
    assert found.pick is not None and found.pick.size_bytes == 62_208
    assert found.why.startswith("Smallest (an emulator's time is not ranked, and no instructions were counted)")
    assert found.cautions[0] == "chosen by size alone: only a real device tells which variant is faster"


def test_a_few_per_cent_of_instructions_do_not_outweigh_half_the_size(results: Results) -> None:
    fp32, int8 = (changed(cell, accuracy=cells_of(results, 0, 1)[0].accuracy) for cell in cells_of(results, 0, 1)[:2])
    fp32 = changed(fp32, cost=Cost(instructions=1_000_000, spread=0), size_bytes=2000)
    for count, picked in ((1_014_000, int8.recipe), (1_100_000, int8.recipe), (1_101_000, "fp32")):
        other = changed(int8, cost=Cost(instructions=count, spread=0), size_bytes=1000)
        found = decided(results, [fp32, other])
        assert found.pick is not None and found.runner_up is not None
        assert (found.pick.recipe, found.state) == (picked, "provisional")
    close = decided(results, [fp32, changed(int8, cost=Cost(instructions=1_014_000, spread=0), size_bytes=1000)])
    assert close.why.startswith("Smallest of the 2 within 10 % of the fewest instructions")
    assert close.tradeoff == "1.4 % fewer instructions (1,000,000), 100 % larger (2.00 kB), same accuracy"


def test_a_latency_limit_is_left_open_on_an_emulator(results: Results) -> None:
    found = decided(results, cells_of(results, 0, 1), limited(latency_p50_ms=1e-9))
    assert found.state == "provisional"
    assert "whether it stays within 1.00e-06 µs only a real device can tell" in found.cautions


def test_without_an_accuracy_the_pick_is_provisional_with_the_reason(results: Results) -> None:
    found = decided(results, cells_of(results, 1, 0))
    assert found.state == "provisional"
    assert found.cautions[0].startswith("accuracy was not measured (no labelled data came with this file); its outputs")


def test_what_has_no_accuracy_where_others_have_is_ruled_out(results: Results) -> None:
    fp32, other = cells_of(results, 0, 0)[:2]
    found = decided(results, [fp32, changed(other, accuracy=Accuracy(reason="outputs hold NaN"))])
    assert variant(found.pick) == "tflite fp32"
    assert found.ruled_out == "1 without an accuracy to compare"


def test_fp32_of_another_device_is_the_bar_where_this_one_has_none(results: Results) -> None:
    here = [cell for cell in cells_of(results, 0, 1) if cell.recipe != "fp32"]
    there = cells_of(results, 0, 0)
    found = decisions(results.model_copy(update={"cells": (*there, *here)}), DEFAULT)[1]
    assert "fp32's 98.5 % on another device" in found.why
    alone = decided(results, here)
    assert "the best, 98.5 % (no fp32 was measured)" in alone.why


def test_another_metric_is_held_to_its_own_scale(results: Results) -> None:
    first, second = cells_of(results, 0, 0)[:2]
    cells = [
        timed(first, 2.0, accuracy=Accuracy(metric="score", unit="", value=300.0, samples=9)),
        timed(second, 1.0, accuracy=Accuracy(metric="score", unit="", value=298.0, samples=9)),
    ]
    assert variant(decided(results, cells).pick) == "tflite fp16"  # 2 of 300 is less than 1 %
    assert "fp32's 300" in decided(results, cells).why
    assert variant(decided(results, cells, SweepBudget(accuracy_drop=0.005)).pick) == "tflite fp32"


def test_a_wide_accuracy_interval_is_cautioned(results: Results) -> None:
    cell = changed(
        cells_of(results, 0, 0)[0], accuracy=Accuracy(metric="top1", value=0.98, ci95=(0.93, 0.99), samples=100)
    )
    assert decided(results, [cell]).cautions == (
        "accuracy is known to about ±3.0 points only (100 samples), the budget allows 1 point",
    )


@pytest.mark.parametrize(("half_width", "state"), [(0.2, "provisional"), (0.005, "recommended")])
def test_what_falls_back_may_be_noisy_as_well(results: Results, half_width: float, state: str) -> None:
    cell = timed(cells_of(results, 0, 0)[1], 1.0, label="fallback")
    assert cell.latency is not None
    interval = MedianInterval(low_ms=0.8, high_ms=1.2, half_width=half_width, within=0.01, blocks=50, processes=5)
    found = decided(results, [changed(cell, latency=cell.latency.model_copy(update={"interval": interval}))])
    assert found.state == state
    noisy = "its latency is noisy: the median is known to ±20.0% only"
    assert (noisy in found.cautions) == (state == "provisional")


def test_what_falls_back_and_has_no_interval_is_no_better_known(results: Results) -> None:
    found = decided(results, [timed(cells_of(results, 0, 0)[1], 1.0, label="fallback", half_width=None)])
    assert found.state == "provisional"
    assert "its latency is noisy: too few samples to know the median by" in found.cautions


def test_nothing_ran(results: Results) -> None:
    found = decided(results, [cell for cell in cells_of(results, 0, 0) if cell.status == "unsupported"])
    assert (found.state, found.why) == ("none", "No variant can be recommended: 1 unsupported.")


def test_the_order_of_cells_does_not_matter(results: Results) -> None:
    backwards = results.model_copy(update={"cells": tuple(reversed(results.cells))})
    ours = {(one.device, one.model): one.pick for one in decisions(results, DEFAULT)}
    theirs = {(one.device, one.model): one.pick for one in decisions(backwards, DEFAULT)}
    assert ours == theirs


def test_damaged_evidence_is_no_interval(results: Results) -> None:
    cell = cells_of(results, 0, 0)[0]
    for evidence in (VerdictEvidence(), VerdictEvidence(median_ci95_ms=None)):
        verdict = Verdict(label="stable", evidence=evidence, advice="")
        assert median_interval(changed(cell, verdict=verdict)) is None
    for damaged in (["a", "b"], [1]):
        with pytest.raises(ValidationError, match="median_ci95_ms"):
            Verdict.model_validate({"label": "stable", "evidence": {"median_ci95_ms": damaged}, "advice": ""})


def test_a_build_that_saturates_is_cautioned(results: Results) -> None:
    found = decided(results, [timed(cells_of(results, 0, 0)[0], 1.0, label="saturates")])
    assert (found.state, found.cautions) == ("recommended", ("the median is known to ±9 % only",))
