"""What stands in a trend, what does not and why, and what is said of a change."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from edgerig.errors import NothingSelected
from edgerig.history import words
from edgerig.history.metrics import metrics
from edgerig.history.store import History
from edgerig.history.trends import Trend, as_json, ask
from edgerig.report.run import parquet_results
from edgerig.results import CellResult, Controls, Results

CELL = "digits_cnn-torch-tflite-fp32@local/t1"


def history(runs: Sequence[Results]) -> History:
    return History(pa.concat_tables([parquet_results.table(run) for run in runs]), len(runs), ())


def trends(runs: Sequence[Results], metric: str = "latency_p50_ms", globs: Sequence[str] = ()) -> tuple[Trend, ...]:
    return ask(history(runs), "digits_cnn", metric, globs, "here").trends


def test_a_slower_runtime_is_told_with_what_changed_beside_it(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    runs = [
        run(i, cell(p50=(1.0 if i < 12 else 1.2) * (1 + 0.002 * (i % 3))),
            tools={"litert": "2.3" if i < 12 else "2.4", "torch": "2.13"}, commit="a" * 40 if i < 12 else "b" * 40)
        for i in range(20)
    ]  # fmt: skip
    (trend,) = trends(runs)
    (change,) = trend.changes
    assert change.run == "run-012"
    assert change.ratio == pytest.approx(1.2, rel=0.01)
    assert change.beside == ("litert 2.3 → 2.4", f"commit {'a' * 10} → {'b' * 10}")
    assert words.change(change, metrics()["latency_p50_ms"]).startswith(
        "+20.0 % at run-012: 1.00 ms → 1.20 ms (p = 0.0"
    )


def test_runs_are_ordered_by_their_time_not_their_name_and_copies_count_once(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    first, second = run(1, cell(size=10), run="z"), run(2, cell(size=20), run="a")
    (trend,) = trends([second, first, first], "size_bytes")
    assert trend.values == [10, 20]


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"label": "noisy"}, "noisy"),
        ({"label": "throttled"}, "throttled"),  # a verdict of a version to come
        ({"label": "wrong"}, "wrong"),
    ],
)
def test_a_time_that_is_not_known_has_no_part_but_is_not_lost(
    run: Callable[..., Results], cell: Callable[..., CellResult], odd: dict[str, str], said: str
) -> None:
    strange = cell(p50=9.0)
    verdict = strange.verdict.model_copy(update=odd)
    runs = [run(0), run(1, strange.model_copy(update={"verdict": verdict})), run(2)]
    (trend,) = trends(runs)
    assert trend.values == [1.0, 1.0]
    (left_out,) = trend.left_out
    assert left_out.value == 9.0
    assert said in left_out.left_out
    assert "1 left out" in words.left_out(trend)


@pytest.mark.parametrize(
    ("label", "half", "said"),
    [
        ("fallback", 0.0199, ""),
        ("fallback", 0.0201, "fallback, noisy: its time is not known"),
        ("fallback", None, "fallback, noisy: its time is not known"),
        ("saturates", 0.0201, "saturates, noisy: its time is not known"),
    ],
)
def test_what_is_said_before_noise_hides_no_noise(
    run: Callable[..., Results], cell: Callable[..., CellResult], label: str, half: float | None, said: str
) -> None:
    (trend,) = trends([run(0), run(1, cell(p50=1.1, label=label, half=half)), run(2)])
    assert [point.left_out for point in trend.points] == ["", said, ""]


def test_emulated_latency_never_counts_and_emulated_instructions_do(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    name = "digits_cnn-torch-tflite-fp32@qemu-rpi4/t1"
    runs = [
        run(i, cell(name, device="qemu-rpi4", emulated=True, label="emulated", instructions=1000 if i < 3 else 1020))
        for i in range(5)
    ]
    (timed,) = trends(runs)
    assert timed.values == []
    assert all("emulated" in point.left_out for point in timed.points)
    (counted,) = trends(runs, "instructions")
    assert [(c.run, c.before, c.after) for c in counted.changes] == [("run-003", 1000, 1020)]
    assert counted.on == ("cortex-a72",)


def test_another_processor_is_another_series_for_times_but_not_for_sizes(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    runs = [run(i, cell(p50=1.0 + i % 2), cpu=f"CPU {i % 2}") for i in range(20)]
    assert {(trend.on, tuple(trend.values)) for trend in trends(runs)} == {
        (("CPU 0",), (1.0,) * 10),
        (("CPU 1",), (2.0,) * 10),
    }
    assert all(not trend.changes for trend in trends(runs))
    (sizes,) = trends(runs, "size_bytes")
    assert len(sizes.values) == 20


def test_accuracy_over_other_samples_is_another_series(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    runs = [run(0, cell(accuracy=(0.99, 540))), run(1, cell(accuracy=(0.80, 50)))]
    found = trends(runs, "accuracy")
    assert {trend.on[-1] for trend in found} == {"540 samples", "50 samples"}
    assert all(not trend.changes for trend in found)


def test_a_run_that_failed_stands_in_its_trend_with_its_reason(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    (trend,) = trends([run(0), run(1, cell(failed="no answer\nafter 60 s")), run(2)])
    assert [point.value for point in trend.points] == [1.0, None, 1.0]
    assert trend.points[1].left_out == "failed: no answer"


@pytest.mark.parametrize(
    ("metric", "given", "said"),
    [
        ("accuracy", {"accuracy": None}, "no labels"),
        ("instructions", {}, "not emulated"),
        ("memory", {"peak": None}, "hides"),
    ],
)
def test_what_was_not_measured_has_its_reason_and_no_zero(
    run: Callable[..., Results], cell: Callable[..., CellResult], metric: str, given: dict[str, None], said: str
) -> None:
    (trend,) = trends([run(0, cell(**given))], metric)
    assert trend.values == []
    assert said in trend.points[0].left_out
    assert trend.last is None


def test_globs_select_cells(run: Callable[..., Results], cell: Callable[..., CellResult]) -> None:
    two = (cell(), cell("digits_cnn-torch-onnx-fp32@local/t1"))
    assert [trend.cell for trend in trends([run(0, *two)], globs=["*-onnx-*", "nothing"])] == [two[1].id]
    with pytest.raises(NothingSelected, match="nothing"):
        trends([run(0, *two)], globs=["nothing"])


def test_an_unknown_model_is_told_the_known_ones(run: Callable[..., Results]) -> None:
    with pytest.raises(NothingSelected) as raised:
        ask(history([run(0)]), "x' OR 1=1 --", "accuracy", (), "here")
    assert "digits_cnn" in raised.value.hint


def test_changed_cells_come_first_and_json_holds_everything(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    other = "digits_cnn-torch-onnx-fp32@local/t1"
    runs = [run(i, cell(size=10), cell(other, size=0 if i < 2 else 5)) for i in range(4)]
    found = ask(history(runs), "digits_cnn", "size_bytes", (), "here")
    assert [trend.cell for trend in found.trends] == [other, CELL]
    told = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert told["schema"] == 1
    assert told["series"][0]["changes"][0]["ratio"] is None  # from nothing
    assert [point["value"] for point in told["series"][1]["points"]] == [10, 10, 10, 10]


def test_noise_within_the_minimum_does_not_look_like_a_cliff() -> None:
    metric = metrics()["latency_p50_ms"]
    assert set(words.sparkline([1.0, 1.01, 0.99, 1.0], metric)) <= set("▃▄▅▆")
    cliff = words.sparkline([1.0, 1.0, 2.0], metric)
    assert (cliff[0], cliff[-1]) == ("▁", "█")
    assert words.sparkline([], metric) == ""
    assert len(words.sparkline([0.0] * 50, metric)) == 24


def on_a_machine(
    cell: Callable[..., CellResult],
    p50: float,
    clock: float,
    core: float | None = None,
    memory: float | None = None,
    size: int = 10**7,
) -> CellResult:
    """A cell whose controls took so much longer than usual, like its own latency but for `p50`."""
    found = cell(p50=p50 * clock, size=size)
    second, third = clock if core is None else core, clock if memory is None else memory
    controls = Controls(clock_ms=(0.118 * clock,), core_ms=(0.2 * second,), memory_ms=(4.0 * third,))
    return found.model_copy(update={"latency": found.latency.model_copy(update={"controls": controls})})


CLOCKS = [1.0, 1.06, 0.95, 1.08, 1.0, 0.93, 1.05, 1.0, 0.96, 1.07]


def test_a_machine_whose_clock_moves_makes_no_change_and_hides_none(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    slow_since = 10
    runs = [
        run(i, on_a_machine(cell, (1.0 if i < slow_since else 1.1) * (1 + 0.001 * (i % 3)), CLOCKS[i % 10]))
        for i in range(20)
    ]
    (quiet,) = trends(runs[:slow_since])
    assert quiet.changes == ()
    assert max(quiet.values) / min(quiet.values) < 1.01
    (trend,) = trends(runs)
    assert [change.run for change in trend.changes] == ["run-010"]
    assert trend.changes[0].ratio == pytest.approx(1.1, rel=0.01)
    point = trend.points[1]
    assert point.measured == pytest.approx(1.06, rel=0.01)
    assert point.measured / point.value == pytest.approx(1.06)
    assert words.measured(point, metrics()["latency_p50_ms"]) == "1.06 ms as measured"
    assert "it took -7.0 to +8.0 %" in words.corrected([trend])


@pytest.mark.parametrize("odd", [{"clock": 1.4}, {"clock": 1.0, "core": 1.6}, {"clock": 1.0, "memory": 0.7}])
def test_a_run_the_machine_spoilt_is_left_out(
    run: Callable[..., Results], cell: Callable[..., CellResult], odd: dict[str, Any]
) -> None:
    runs = [
        run(0, on_a_machine(cell, 1.0, 1.0)),
        run(1, on_a_machine(cell, 1.0, **odd)),
        run(2, on_a_machine(cell, 1.0, 1.0)),
    ]
    (trend,) = trends(runs)
    assert [bool(point.left_out) for point in trend.points] == [False, True, False]
    assert "the machine" in trend.points[1].left_out


def test_a_neighbour_beside_one_cell_leaves_that_cells_point_out(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    other = "digits_cnn-torch-tflite-fp16@local/t1"
    runs = []
    for i in range(5):
        beside = on_a_machine(cell, 1.0, 1.0, core=1.5 if i == 3 else 1.0)
        quiet = [on_a_machine(cell, 1.0, 1.0).model_copy(update={"id": f"{other}{n}"}) for n in range(4)]
        runs.append(run(i, beside, *quiet))
    found = {trend.cell: [bool(point.left_out) for point in trend.points] for trend in trends(runs)}
    assert found[CELL] == [False, False, False, True, False]
    assert not any(found[f"{other}0"])


def test_memory_does_not_matter_to_what_stays_in_a_cache(
    run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    (trend,) = trends([run(i, on_a_machine(cell, 1.0, 1.0, memory=1 + 0.5 * i, size=1000)) for i in range(3)])
    assert trend.left_out == []


def test_runs_without_controls_stand_as_measured(run: Callable[..., Results], cell: Callable[..., CellResult]) -> None:
    (trend,) = trends([run(0), run(1, on_a_machine(cell, 1.0, 1.05)), run(2)])
    assert trend.values == [1.0, pytest.approx(1.05), 1.0]
    assert all(point.measured is None for point in trend.points)
    assert words.corrected([trend]) == ""
