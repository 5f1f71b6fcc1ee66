"""A run held to a baseline and a budget."""

from __future__ import annotations

from typing import Any

import pytest

from edgerig.compare.comparison import compare
from edgerig.compare.gate import GateResult, judge_run
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot, LatencySnapshot, Snapshot
from edgerig.spec.budget import Budget

CELL = "net-torch-tflite-int8-static@rpi4/t1"


def cell(**changes: object) -> CellSnapshot:
    latency = LatencySnapshot(
        p50_ms=1.0, p90_ms=1.1, p99_ms=2.0, process_p50_ms=(1.0, 1.0, 1.0), half_width=0.002, control_ms=0.1
    )
    accuracy = AccuracySnapshot(metric="top1", value=0.95, ci95=(0.93, 0.97), samples=540, dataset="d", wrong=(1,))
    known = {"device": "rpi4", "emulated": False, "status": "ok", "verdict": "stable", "size_bytes": 1000}
    agreeing = {"agreement": 0.93, "agreement_samples": 540}
    return CellSnapshot.model_validate(
        {**known, "latency": latency, "accuracy": accuracy, "relative_error": 0.02, **agreeing, **changes}
    )


def run(**cells: CellSnapshot) -> Snapshot:
    named = {CELL if name == "cell" else name: found for name, found in cells.items()}
    return Snapshot(run="r", started="2026-01-01T00:00:00", devices={}, cells=named)


def gate(new: Snapshot, base: Snapshot | None = None, **budget: object) -> GateResult:
    rules = Budget.model_validate(budget)
    return judge_run(new, None if base is None else compare(base, new, rules.minimums), rules)


def failed(found: GateResult) -> list[tuple[str, str]]:
    return [(check.name, check.message) for check in found.of("fail")]


def test_the_same_run_passes() -> None:
    found = gate(run(cell=cell()), run(cell=cell()))
    assert (found.outcome, failed(found), found.of("inconclusive")) == ("pass", [], [])


def test_a_regression_fails_and_an_improvement_does_not() -> None:
    assert [name for name, _ in failed(gate(run(cell=cell(size_bytes=1100)), run(cell=cell())))] == ["size"]
    assert gate(run(cell=cell(size_bytes=900)), run(cell=cell())).outcome == "pass"


def test_what_is_inconclusive_follows_the_budget() -> None:
    throttled = run(cell=cell(verdict="throttled"))
    assert gate(throttled, run(cell=cell())).outcome == "inconclusive"
    lenient = gate(throttled, run(cell=cell()), inconclusive="pass")
    assert lenient.outcome == "pass"
    assert [check.name for check in lenient.of("inconclusive")] == ["latency"]


def test_a_failure_outweighs_what_is_inconclusive() -> None:
    assert gate(run(cell=cell(verdict="throttled", size_bytes=2000)), run(cell=cell())).outcome == "fail"


@pytest.mark.parametrize(
    ("base", "new", "outcome", "said"),
    [
        ("ok", "failed", "fail", "ok in the base, failed now: build: no memory"),
        ("ok", "skipped", "fail", "ok in the base, skipped now"),
        ("ok", "unsupported", "fail", "ok in the base, unsupported now"),
        ("failed", "failed", "inconclusive", ""),  # nothing was checked
        ("ok", None, "fail", "ok in the baseline, missing in this run"),
        (None, "failed", "fail", "failed: build: no memory"),
        (None, "ok", "pass", ""),
    ],
)
def test_a_cell_that_ran_before_must_run_now(base: str | None, new: str | None, outcome: str, said: str) -> None:
    old = run(cell=cell(status=base)) if base else run()
    now = run(cell=cell(status=new, reasons={"status": "build: no memory"})) if new else run()
    found = gate(now, old)
    assert found.outcome == outcome
    assert all(said in message for _, message in failed(found))


def test_a_wrong_verdict_fails_without_any_baseline() -> None:
    assert gate(run(cell=cell(verdict="wrong")), inconclusive="pass").outcome == "fail"


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ({"size_bytes": 1000}, "pass"),
        ({"size_bytes": 999}, "fail"),
        ({"latency_p50_ms": 2.0}, "pass"),
        ({"latency_p50_ms": 1.001}, "inconclusive"),
        ({"latency_p50_ms": 0.9}, "fail"),
        ({"latency_p99_ms": 1.5}, "fail"),
        ({"accuracy": 0.93}, "pass"),  # 0.95, 95 % interval 0.93 to 0.97
        ({"accuracy": 0.94}, "inconclusive"),
        ({"accuracy": 0.96}, "inconclusive"),
        ({"accuracy": 0.98}, "fail"),
        ({"relative_error": 0.01}, "fail"),
        ({"agreement": 0.9}, "pass"),  # 0.93 of 540, Wilson's interval 0.905 to 0.949
        ({"agreement": 0.91}, "inconclusive"),
        ({"agreement": 0.94}, "inconclusive"),
        ({"agreement": 0.95}, "fail"),
        ({"instructions": 10}, "inconclusive"),
        ({"peak_memory_bytes": 10}, "inconclusive"),
    ],
)
def test_limits_hold_without_a_baseline(limit: dict[str, Any], outcome: str) -> None:
    found = gate(run(cell=cell()), cells=[{"match": "*", "limit": limit}])
    assert found.outcome == outcome


def test_emulated_latency_is_not_held_to_a_limit_and_its_instructions_are() -> None:
    emulated = run(cell=cell(emulated=True, verdict="emulated", instructions=2000))
    limits = {"match": "*@rpi4/*", "limit": {"latency_p50_ms": 0.1, "instructions": 1500}}
    found = gate(emulated, cells=[limits])
    assert [name for name, _ in failed(found)] == ["limit.instructions"]
    assert [check.name for check in found.of("left out")] == ["limit.latency_p50_ms"]


def test_a_glob_that_matches_nothing_is_not_a_promise_kept() -> None:
    found = gate(run(cell=cell()), cells=[{"match": "*int9*", "limit": {"size_bytes": 10}}])
    assert found.outcome == "inconclusive"
    assert "*int9*" in found.of("inconclusive")[0].message


def test_a_gate_that_checked_nothing_does_not_pass() -> None:
    unsupported = run(cell=cell(status="unsupported"))
    assert gate(unsupported, inconclusive="pass").outcome == "inconclusive"


def test_the_later_block_wins_key_by_key() -> None:
    rules = Budget.model_validate(
        {
            "regression": {"size": 0.5},
            "cells": [
                {"match": "*", "limit": {"size_bytes": 10, "accuracy": 0.9}, "regression": {"size": 0.2}},
                {"match": "*int8*", "limit": {"size_bytes": 5}},
            ],
        }
    )
    limits, minimums = rules.limits(CELL), rules.minimums(CELL)
    assert (limits.of("size_bytes"), limits.of("accuracy")) == (5, 0.9)
    assert (minimums.least("size"), minimums.least("latency")) == (0.2, 0.05)
    assert rules.limits("net-torch-tflite-fp32@rpi4/t1").of("size_bytes") == 10


def test_a_limit_on_a_cell_that_does_not_run_never_passes_in_silence() -> None:
    broken, other = cell(status="failed"), cell()
    limits = [{"match": "*int8-static*", "limit": {"size_bytes": 5000}}]
    new = run(cell=broken, other=other)
    found = gate(new, run(cell=broken, other=other), cells=limits)
    assert found.outcome == "inconclusive"
    assert [check.message for check in found.of("inconclusive")] == [
        "the cell is failed: there is nothing to hold to it"
    ]


def test_a_floor_is_not_held_to_a_metric_that_is_the_better_the_lower() -> None:
    rate = AccuracySnapshot(
        metric="errors", value=0.97, ci95=(0.9, 1.0), samples=540, dataset="d", wrong=(1,), higher_is_better=False
    )
    found = gate(run(cell=cell(accuracy=rate)), cells=[{"match": "*", "limit": {"accuracy": 0.9}}])
    assert found.outcome == "inconclusive"
    assert "the better the lower" in found.of("inconclusive")[0].message


def test_limits_of_parity_name_the_worst_output_and_what_is_missing() -> None:
    limits = [{"match": "*", "limit": {"relative_error": 0.01, "agreement": 0.9}}]
    found = gate(
        run(
            cell=cell(
                remarks={"parity": 'output "scores", the worst'}, agreement=None, reasons={"agreement": "no classes"}
            )
        ),
        cells=limits,
    )
    assert failed(found) == [("limit.relative_error", '0.02 (output "scores", the worst), at most 0.01 is allowed')]
    assert [check.message for check in found.of("inconclusive")] == ["not measured: no classes"]


def test_a_floor_needs_an_interval_and_says_both() -> None:
    floors = [{"match": "*", "limit": {"accuracy": 0.5, "agreement": 0.5}}]
    plain = AccuracySnapshot(metric="own", value=0.9, samples=10, dataset="d")
    found = gate(run(cell=cell(accuracy=plain, agreement_samples=None)), cells=floors)
    told = [check.message for check in found.of("inconclusive")]
    assert told == [f"{value}, known without an interval; at least 0.5 is asked for" for value in ("0.9", "0.93")]
    known = gate(run(cell=cell()), cells=floors)
    assert "0.95 [0.93, 0.97], at least 0.5 is asked for" in [check.message for check in known.of("pass")]


@pytest.mark.parametrize(("limit", "outcome"), [(989, "fail"), (1000, "inconclusive"), (1010, "pass")])
def test_a_count_that_wanders_is_held_with_its_range(limit: int, outcome: str) -> None:
    counted = cell(instructions=1000, instructions_spread=10)
    found = gate(run(cell=counted), cells=[{"match": "*", "limit": {"instructions": limit}}])
    assert found.outcome == outcome
    assert any("1,000 ± 10, at most" in check.message for check in found.checks)


def test_short_latencies_are_told_in_microseconds() -> None:
    quick = LatencySnapshot(
        p50_ms=0.00598,
        p90_ms=0.006,
        p99_ms=0.01,
        process_p50_ms=(0.006, 0.006, 0.006),
        half_width=0.002,
        control_ms=0.1,
    )
    found = gate(run(cell=cell(latency=quick)), cells=[{"match": "*", "limit": {"latency_p50_ms": 0.005}}])
    ((name, message),) = failed(found)
    assert (name, message[:8]) == ("limit.latency_p50_ms", "5.980 µs")
    assert message.endswith("at most 5.000 µs is allowed")
