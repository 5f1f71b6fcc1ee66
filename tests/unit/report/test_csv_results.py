from __future__ import annotations

import csv
import io

from edgerig.figures.accuracy import fields_of_metric
from edgerig.report.run import csv_results, parquet_results
from edgerig.report.run.fields import fields
from edgerig.results import Accuracy, Results, order


def rows(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_results.render(results).decode(), newline="")))


def test_one_row_a_planned_cell_with_every_column(results: Results) -> None:
    found = rows(results)
    assert len(found) == len(results.cells) == 48
    names = [field.name for field in fields()]
    assert all(list(row) == names and None not in row.values() for row in found)


def test_values_are_raw_and_exact(results: Results) -> None:
    for row, cell in zip(rows(results), order.ordered(results), strict=True):
        assert row["status"] == cell.status
        assert row["size_bytes"] == ("" if cell.size_bytes is None else str(cell.size_bytes))
        if cell.latency is not None:
            assert float(row["latency_p90_ms"]) == cell.latency.p90_ms
        assert row["emulated"] == str(cell.emulated).lower()


def test_not_measured_is_an_empty_field_with_its_reason(results: Results) -> None:
    row = rows(results)[-2]
    assert (row["accuracy"], row["accuracy_reason"]) == ("", "no labelled data came with this file")
    assert (row["peak_rss_bytes"], row["memory_reason"]) == ("", "the emulator's own memory hides the model's")


def test_a_measured_zero_is_not_empty(results: Results) -> None:
    emulated = next(row for row in rows(results) if row["emulated"] == "true" and row["status"] == "ok")
    assert emulated["instructions_spread"] == "0"


def test_no_text_begins_a_formula(results: Results) -> None:
    hostile = [record.model for record in results.models.values()][1]
    assert {row["model"] for row in rows(results)} == {"digits_cnn", f"'{hostile}"}
    for row in rows(results):
        texts = [value for name, value in row.items() if name in ("id", "model", "device", "error_message")]
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in texts)


def test_a_message_of_several_lines_stays_in_its_field(results: Results) -> None:
    failed = next(cell for cell in order.ordered(results) if cell.status == "failed")
    row = next(row for row in rows(results) if row["id"] == failed.id)
    assert failed.error is not None and "\n" in failed.error.message
    assert row["error_message"] == failed.error.message


def with_mse(results: Results) -> Results:
    """The first cell has a second metric, which is the better the lower."""
    first, *rest = results.cells
    mse = Accuracy(metric="mse", value=0.0123, ci95=(0.01, 0.02), higher_is_better=False, unit="", samples=540)
    first = first.model_copy(update={"metrics": {"top1": first.accuracy, "mse": mse}})
    return results.model_copy(update={"cells": (first, *rest)})


def test_every_metric_says_its_unit_and_direction(results: Results) -> None:
    first, *rest = rows(with_mse(results))
    assert (first["accuracy_unit"], first["accuracy_higher_is_better"]) == ("fraction", "true")
    assert [first[field.name] for field in fields_of_metric("mse")] == [
        "0.0123",
        "",
        "false",
        "0.01",
        "0.02",
        "540",
        "",
    ]
    assert {row["metric_mse"] for row in rest} == {""}
    assert {row["accuracy_unit"] for row in rest if not row["accuracy_metric"]} == {""}


def test_parquet_has_the_columns_of_csv_and_a_list_of_metrics(results: Results) -> None:
    found = parquet_results.table(with_mse(results))
    assert [name for name in found.column_names if name in {field.name for field in fields()}] == [
        field.name for field in fields()
    ]
    metrics = found.column("metrics").to_pylist()
    assert [(one["metric"], one["unit"], one["higher_is_better"], one["ci95_low"]) for one in metrics[0]] == [
        ("top1", "fraction", True, results.cells[0].accuracy.ci95[0]),
        ("mse", "", False, 0.01),
    ]
    assert metrics[1] == []
    assert parquet_results.parsed(parquet_results.render(with_mse(results)), "x").equals(found)
