"""`history show` over Parquet files of anybody's."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.inputs import damaged, numbers, survived
from fuzz.whole_run import write_run

from edgerig.history import store, words
from edgerig.history.metrics import metrics
from edgerig.history.page import render
from edgerig.history.trends import as_json, ask
from edgerig.report.run import parquet_results
from edgerig.report.run.read import read_results

FILLINGS: tuple[Any, ...] = (
    None, float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e308, 0, -1, 2**63 - 1, -(2**63), "", "x" * 5000,
    "\x1b[2J", "::error::x", "\n::error::x", "\u202e", True, False, "2026", "local", "wrong", "failed",
)  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return parquet_results.table(read_results(write_run(tmp_path_factory.mktemp("good")).path))


def content(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def changed(good: pa.Table, random: Random) -> bytes:
    """A column's values, its type or its place are others, or bytes of the file are."""
    what, at = random.random(), random.randrange(good.num_columns)
    if what < 0.25:
        return damaged(content(good), random)
    field = good.schema.field(at)
    if what < 0.8:
        try:
            values = pa.array([random.choice(FILLINGS) for _ in range(good.num_rows)], field.type, from_pandas=False)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):  # a kind of value this column has none of
            values = pa.nulls(good.num_rows, field.type)
        return content(good.set_column(at, field, values))
    if what < 0.87:
        return content(good.remove_column(at))
    if what < 0.94:
        other = random.choice((pa.int8(), pa.string(), pa.binary(), pa.float64(), pa.list_(pa.int64()), pa.bool_()))
        return content(good.set_column(at, pa.field(field.name, other), pa.nulls(good.num_rows, other)))
    version = random.choice((b"", b"0", b"-1", b"1", b"99", b"\xff", b"9" * 5000, "²".encode()))
    return content(good.replace_schema_metadata({b"edgerig.schema_version": version}))


def show(folder: Path, random: Random) -> None:
    """What `history show` does. Raises EdgerigError."""
    found = ask(store.read(str(folder)), "digits_cnn", random.choice(list(metrics())), [], str(folder))
    as_json(found)
    words.notes(found.trends)
    for trend in found.trends:
        words.sparkline(trend.values, found.metric)
        words.figure(trend.median, found.metric)
    if random.random() < 0.1:
        render(found)


def test_no_history_gives_a_traceback(good: pa.Table, tmp_path: Path) -> None:
    (tmp_path / "good.parquet").write_bytes(content(good))
    for name, random in numbers("history", 40):
        (tmp_path / "bad.parquet").write_bytes(changed(good, random))
        with survived(name):
            show(tmp_path, random)


def test_a_file_of_a_few_bytes_that_stands_for_any_number_of_rows_is_refused(good: pa.Table, tmp_path: Path) -> None:
    rows = parquet_results.LARGEST_ROWS + 1
    many = pa.table({field.name: pa.nulls(rows, field.type) for field in good.schema}, schema=good.schema)
    (tmp_path / "many.parquet").write_bytes(content(many))
    found = store.read(str(tmp_path))
    assert (found.runs, found.rows.num_rows) == (0, 0)
    assert "more than any run has" in found.warnings[0]


def test_what_a_history_holds_beside_files_is_named(good: pa.Table, tmp_path: Path) -> None:
    import os

    (tmp_path / "secret").write_bytes(content(good))
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "link.parquet").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "history" / "fifo.parquet")
    (tmp_path / "history" / "folder.parquet").mkdir()
    with survived("history of links"):
        found = store.read(str(tmp_path / "history"))
    assert found.runs == 0
    assert ["symbolic link" in told or "FIFO" in told or "folder" in told for told in found.warnings] == [True] * 3
