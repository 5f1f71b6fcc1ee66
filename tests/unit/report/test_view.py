"""Order, wording, numbers."""

from __future__ import annotations

import pytest

from edgerig.figures.accuracy import interval
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


def test_a_reason_is_one_bounded_line(results: Results) -> None:
    failed = next(cell for cell in results.cells if cell.status == "failed")
    assert failed.error is not None
    long = changed(failed, error=failed.error.model_copy(update={"message": "first\nsecond " + "x" * 500}))
    assert view.reason(long).startswith("build: first second xxx")
    assert len(view.reason(long)) <= 160


def test_a_doubtful_latency_says_so(results: Results) -> None:
    cell = changed(cells_of(results, 0, 0)[0], verdict=Verdict(label="noisy", evidence={}, advice=""))
    assert view.described(cell) == "p50 13.1 µs (noisy), 155 kB, 98.5 % top1"


def test_an_emulated_cell_is_described_without_its_time(results: Results) -> None:
    assert view.described(cells_of(results, 0, 1)[0]) == "2,590,000 instructions, 155 kB, 98.5 % top1"


def test_an_accuracy_that_is_no_share_is_not_in_percent(results: Results) -> None:
    cell = changed(
        cells_of(results, 0, 0)[0], accuracy=Accuracy(metric="mse", unit="", value=0.0123, ci95=(0.01, 0.02))
    )
    assert (view.accuracy(cell), interval(cell)) == ("0.0123", "0.0100–0.0200")
