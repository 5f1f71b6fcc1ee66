from __future__ import annotations

from edgerig.report.columns import COLUMNS
from edgerig.results import Results

BY_KEY = {column.key: column for column in COLUMNS}


def test_emulated_latencies_have_no_place_in_the_order(results: Results) -> None:
    p50 = BY_KEY["p50"]
    real, emulated = results.cells[0], results.cells[24]
    assert (p50.text(real), p50.sort(real)) == ("0.0131", 0.0131)
    assert (p50.text(emulated), p50.sort(emulated)) == ("1.18 (emulated)", None)
    assert p50.reason(emulated).startswith("emulated")


def test_the_source_stands_in_the_table(results: Results) -> None:
    assert BY_KEY["source"].text(results.cells[0]) == "torch"


def test_what_has_no_place_says_why(results: Results) -> None:
    for column in COLUMNS:
        for cell in results.cells:
            if cell.status == "ok" and column.numeric and column.sort(cell) is None:
                assert column.reason(cell), (column.key, cell.id)
