from __future__ import annotations

import csv
import io

from edgerig.report import csv_results, view
from edgerig.results import Results


def rows(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_results.render(results).decode(), newline="")))


def test_one_row_a_planned_cell_with_every_column(results: Results) -> None:
    found = rows(results)
    assert len(found) == len(results.cells) == 48
    assert all(list(row) == list(csv_results.COLUMNS) and None not in row.values() for row in found)


def test_values_are_raw_and_exact(results: Results) -> None:
    for row, cell in zip(rows(results), view.ordered(results), strict=True):
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
    failed = next(cell for cell in view.ordered(results) if cell.status == "failed")
    row = next(row for row in rows(results) if row["id"] == failed.id)
    assert failed.error is not None and "\n" in failed.error.message
    assert row["error_message"] == failed.error.message
