"""Order, wording, numbers, and which variant is named first."""

from __future__ import annotations

import pytest

from edgerig.report import view
from edgerig.results import Accuracy, CellResult, Results, Verdict


def cells_of(results: Results, model: int, device: int) -> list[CellResult]:
    model_name, device_name = [record.model for record in results.models.values()][model], list(results.devices)[device]
    return [cell for cell in view.ordered(results) if (cell.model, cell.device) == (model_name, device_name)]


def changed(cell: CellResult, **fields: object) -> CellResult:
    return cell.model_copy(update=fields)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.0131, "0.0131"),
        (98.5185, "98.5"),
        (9.996, "10.0"),
        (155.112, "155"),
        (1085.78, "1,090"),
        (14_234_000, "14,200,000"),
        (0.00043, "0.000430"),
        (2.1e-7, "2.10e-07"),
        (-0.5, "-0.500"),
        (float("nan"), "nan"),
    ],
)
def test_significant(value: float | None, text: str) -> None:
    assert view.significant(value) == text


def test_the_order_does_not_depend_on_which_cell_finished_first(results: Results) -> None:
    backwards = results.model_copy(update={"cells": tuple(reversed(results.cells))})
    assert view.ordered(backwards) == view.ordered(results) == list(results.cells)


def test_every_cell_belongs_to_a_device(results: Results) -> None:
    grouped = view.by_device(results)
    assert list(grouped) == list(results.devices)
    assert [cell for cells in grouped.values() for cell in cells] == view.ordered(results)


def test_outcome_counts_every_status(results: Results) -> None:
    assert view.outcome(results.cells) == "48 cells: 38 ok, 4 failed, 2 skipped, 4 unsupported"
    assert view.outcome(results.cells[:1]) == "1 cell: 1 ok"


def test_choice_is_within_a_point_of_fp32(results: Results) -> None:
    choice = view.choose(cells_of(results, 0, 0))
    # int8-static is smaller in tflite than int8-dynamic is, but loses 1.5 points.
    assert choice.smallest is not None and choice.smallest.id == "digits_cnn-torch-executorch-int8-dynamic@local/t1"
    assert choice.fastest is not None and choice.fastest.id == "digits_cnn-torch-tflite-fp16@local/t1"
    assert choice.baseline == pytest.approx(0.985185)
    assert (choice.smallest_reason, choice.fastest_reason, choice.caution) == ("", "", "")


@pytest.mark.parametrize(("accuracy", "within"), [(0.975185, True), (0.9751, False)])
def test_a_point_includes_its_end(results: Results, accuracy: float, within: bool) -> None:
    fp32, smaller = cells_of(results, 0, 0)[0], cells_of(results, 0, 0)[3]
    smaller = changed(smaller, accuracy=Accuracy(metric="top1", value=accuracy, samples=540))
    chosen = view.choose([fp32, smaller]).smallest
    assert chosen == (smaller if within else fp32)


def test_an_emulated_latency_is_never_ranked(results: Results) -> None:
    choice = view.choose(cells_of(results, 0, 1))
    assert choice.smallest is not None and choice.smallest.emulated
    assert choice.fastest is None
    assert "emulated" in choice.fastest_reason
    assert "ms" not in view.described(choice.smallest)


def test_a_cell_that_computes_something_else_is_never_recommended(results: Results) -> None:
    cells = cells_of(results, 0, 0)
    chosen = view.choose(cells).smallest
    assert chosen is not None
    wrong = Verdict(label="wrong", evidence={}, advice="do not ship")
    again = view.choose([changed(cell, verdict=wrong) if cell.id == chosen.id else cell for cell in cells]).smallest
    assert again is None or again.id != chosen.id


def test_no_accuracy_is_said_with_its_reason(results: Results) -> None:
    choice = view.choose(cells_of(results, 1, 0))
    assert choice.smallest is None and choice.fastest is None
    assert choice.smallest_reason == "no accuracy: no labelled data came with this file"


def test_no_fp32_and_nothing_ran_are_told_apart(results: Results) -> None:
    cells = cells_of(results, 0, 0)
    without = [cell for cell in cells if cell.recipe != "fp32"]
    assert view.choose(without).smallest_reason == "no fp32 accuracy to compare with"
    unsupported = [cell for cell in cells if cell.status == "unsupported"]
    assert view.choose(unsupported).smallest_reason == "no variant ran (1 cell: 1 unsupported)"


def test_caution_when_the_interval_is_wider_than_the_point(results: Results) -> None:
    cell = cells_of(results, 0, 0)[0]
    few = changed(cell, accuracy=Accuracy(metric="top1", value=0.98, ci95=(0.93, 0.99), samples=100))
    assert view.choose([few]).caution.startswith("accuracy is known to about ±3.0 points only (100 samples)")


def test_a_doubtful_latency_says_so(results: Results) -> None:
    cell = changed(cells_of(results, 0, 0)[0], verdict=Verdict(label="noisy", evidence={}, advice=""))
    assert view.described(cell) == "155 kB, p50 0.0131 ms (noisy), 98.5 % top1"


def test_a_column_gives_emulated_latencies_no_place_in_the_order(results: Results) -> None:
    p50 = next(column for column in view.COLUMNS if column.key == "p50")
    real, emulated = cells_of(results, 0, 0)[0], cells_of(results, 0, 1)[0]
    assert (p50.text(real), p50.sort(real)) == ("0.0131", 0.0131)
    assert (p50.text(emulated), p50.sort(emulated)) == ("1.18 (emulated)", None)


def test_warnings_and_reasons_are_grouped(results: Results) -> None:
    assert [(group.title, len(group.cells)) for group in view.warnings(results)] == [("noisy", 6), ("emulated", 18)]
    told = {(group.title, group.text): len(group.cells) for group in view.unmeasured(results)}
    assert told == {
        ("instructions", "not emulated"): 20,
        ("accuracy", "no labelled data came with this file"): 19,
        ("delegated", "the runtime does not tell"): 12,
        ("peak memory (MB)", "the emulator's own memory hides the model's"): 18,
    }


def test_troubles_hold_every_cell_that_is_not_ok_once(results: Results) -> None:
    troubles = view.troubles(results)
    assert [(trouble.status, len(trouble.cells)) for trouble in troubles] == [
        ("failed", 4),
        ("skipped", 2),
        ("unsupported", 4),
    ]
    assert [cell for trouble in troubles for cell in trouble.cells] == view.not_ok(results)


def test_a_reason_is_one_bounded_line(results: Results) -> None:
    failed = view.not_ok(results)[0]
    assert failed.error is not None
    long = changed(failed, error=failed.error.model_copy(update={"message": "first\nsecond " + "x" * 500}))
    assert view.reason(long).startswith("build: first second xxx")
    assert len(view.reason(long)) <= 160


def test_what_builders_and_engines_noted_is_told_once_with_its_cells(results: Results) -> None:
    first, second = [cell for cell in results.cells if cell.status == "ok" and cell.build and cell.engine][:2]
    assert first.build is not None
    assert first.engine is not None
    silent = first.engine.model_copy(update={"notes": ()})
    noted = (
        changed(first, build=first.build.model_copy(update={"notes": ("Conv left in float",)}), engine=silent),
        changed(second, engine=silent.model_copy(update={"notes": ("one thread",)})),
    )
    found = view.notes(results.model_copy(update={"cells": noted}))
    told = {(group.title, group.text): [cell.id for cell in group.cells] for group in found}
    assert told == {("build", "Conv left in float"): [first.id], ("engine", "one thread"): [second.id]}
