from __future__ import annotations

import pytest
from unit.made_results import changed

from edgerig.figures.numbers import duration
from edgerig.report.run.columns import columns, every_column
from edgerig.results import Accuracy, Coverage, OutputParity, Parity, Results

BY_KEY = {column.key: column for column in every_column()}
TOP5 = Accuracy(metric="top5", value=0.998, ci95=(0.99, 1.0), samples=540)
MSE = Accuracy(metric="mse", value=0.0123, higher_is_better=False, unit="", samples=540)


def test_emulated_latencies_have_no_place_in_the_order(results: Results) -> None:
    p50 = BY_KEY["latency"]
    real, emulated = results.cells[0], results.cells[24]
    assert (p50.text(real), p50.sort(real)) == ("13.1 µs", 0.0131)
    assert (p50.text(emulated), p50.sort(emulated)) == ("1.18 ms (emulated)", None)
    assert p50.reason(emulated).startswith("emulated")


def test_the_source_stands_in_the_table(results: Results) -> None:
    assert BY_KEY["source"].text(results.cells[0]) == "torch"


def test_what_has_no_place_says_why(results: Results) -> None:
    for column in columns(results.cells):
        for cell in results.cells:
            if cell.status == "ok" and column.numeric and column.sort(cell) is None:
                assert column.reason(cell), (column.key, cell.id)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"), (0.0, "0 ms"), (0.00598, "5.98 µs"), (0.0999, "99.9 µs"), (0.1, "0.100 ms"), (12.3456, "12.3 ms"),
        (1e-6, "0.00100 µs"), (1234.5, "1,230 ms"),
    ],
)  # fmt: skip
def test_short_times_are_in_microseconds(milliseconds: float | None, text: str) -> None:
    assert duration(milliseconds) == text


def test_every_metric_has_a_column_with_its_unit_and_direction(results: Results) -> None:
    first = results.cells[0]
    cells = [changed(first, metrics={"top1": first.accuracy, "top5": TOP5, "mse": MSE}), results.cells[1]]
    found = {column.key: column for column in columns(cells)}
    assert [found[key].header for key in ("metric top5", "metric mse")] == ["top5", "mse"]
    texts = [found[key].text(cells[0]) for key in ("accuracy", "metric top5", "metric mse")]
    assert texts == ["98.5 % top1 ↑", "99.8 % ↑", "0.0123 ↓"]
    assert [found[key].better(cells[0]) for key in ("accuracy", "metric mse")] == ["higher", "lower"]
    other = found["metric mse"]
    assert (other.text(cells[1]), other.sort(cells[1]), other.reason(cells[1])) == (
        "–", None, "not a metric of this model",
    )  # fmt: skip


def test_the_worst_of_several_outputs_is_named(results: Results) -> None:
    boxes, scores = (OutputParity(name=name, compared="real", relative_error=error) for name, error in
                     (("boxes", 0.01), ("scores", 0.76)))  # fmt: skip
    error = BY_KEY["parity"].text
    several = Parity(relative_error=0.76, worst="scores", outputs=(boxes, scores))
    one = Parity(relative_error=0.76, worst="scores", outputs=(scores,))
    assert [error(changed(results.cells[0], parity=parity)) for parity in (several, one)] == ["0.760 (scores)", "0.760"]


def test_agreement_and_coverage_have_columns_where_some_cell_has_them(results: Results) -> None:
    assert not {"agreement", "outside"} & {column.key for column in columns(results.cells)}
    told = changed(results.cells[0], parity=Parity(agreement=0.315), coverage=Coverage(outside=0.012))
    found = {column.key: column for column in columns((told, results.cells[1]))}
    assert [found[key].text(told) for key in ("agreement", "outside")] == ["31.5 %", "1.20 %"]
