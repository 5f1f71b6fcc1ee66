"""The history's files: whole or not at all, anywhere fsspec reaches, and one bad file hides no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgerig import extras
from edgerig.errors import ConfigError, NotInstalled, ResultsError
from edgerig.history import store
from edgerig.report.run import parquet_results
from edgerig.results import CellResult, Results


@pytest.fixture(params=["folder", "file://", "memory://"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory://":
        yield "memory://edgerig-test/history"
        fsspec.filesystem("memory").rm("/edgerig-test", recursive=True)
    else:
        yield str(tmp_path / "deep" / "history") if request.param == "folder" else (tmp_path / "history").as_uri()


def test_what_was_added_is_read_back_anywhere(place: str, run: Callable[..., Results]) -> None:
    for number in range(3):
        store.add(run(number), place)
    found = store.read(place)
    assert found.runs == 3
    assert found.warnings == ()
    assert found.rows.column("run_id").to_pylist() == ["run-000", "run-001", "run-002"]
    assert found.rows.schema.equals(parquet_results.schema())


def test_adding_again_changes_nothing_and_leaves_nothing_behind(place: str, run: Callable[..., Results]) -> None:
    file = store.add(run(1), place)
    files, root = fsspec.core.url_to_fs(place)
    before = files.cat_file(f"{root}/run-001.parquet")
    assert store.add(run(1), place) == file
    assert [path.rsplit("/", 1)[-1] for path in files.ls(root, detail=False)] == ["run-001.parquet"]
    assert files.cat_file(f"{root}/run-001.parquet") == before


def test_a_resumed_run_replaces_its_first_half(
    tmp_path: Path, run: Callable[..., Results], cell: Callable[..., CellResult]
) -> None:
    store.add(run(1, cell()), str(tmp_path))
    store.add(run(1, cell(), cell("digits_cnn-torch-tflite-fp16@local/t1")), str(tmp_path))
    assert store.read(str(tmp_path)).rows.num_rows == 2


SINCE_1 = (
    "latency_warmup_runs", "memory_includes", "accuracy_unit", "accuracy_higher_is_better", "worst_output", "agreement",
    "parity_samples", "outside_calibration", "outside_calibration_reason", "build_cached", "build_peak_rss_bytes",
    "build_log", "raw", "metrics", "accelerator", "processors", "engine_options",
)  # fmt: skip
"""Columns that a file of the first version has not."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a Parquet file"),
        (b"PAR1 nothing PAR1", "not a Parquet file"),
        (None, "not a Parquet file"),  # cut in half
        ("foreign", "not of an edgerig run"),
        ("newer", "newer than this edgerig reads"),
        ("poorer", "column 'status' is missing"),
        ("other types", "column"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_others_count(
    tmp_path: Path, run: Callable[..., Results], content: bytes | str | None, said: str
) -> None:
    good = store.add(run(1), str(tmp_path))
    bad = tmp_path / "run-002.parquet"
    table = parquet_results.table(run(2))
    if content is None:
        whole = parquet_results.render(run(2))
        bad.write_bytes(whole[: len(whole) // 2])
    elif isinstance(content, bytes):
        bad.write_bytes(content)
    elif content == "foreign":
        pq.write_table(pa.table({"a": [1]}), bad)
    elif content == "newer":
        pq.write_table(table.replace_schema_metadata({"edgerig.schema_version": "99"}), bad)
    elif content == "poorer":
        pq.write_table(table.drop_columns(["status"]), bad)
    else:
        at = table.column_names.index("size_bytes")
        pq.write_table(table.set_column(at, "size_bytes", pa.array(["many"])), bad)
    found = store.read(str(tmp_path))
    assert found.rows.column("run_id").to_pylist() == ["run-001"]
    (warning,) = found.warnings
    assert str(bad) in warning
    assert (said if content != "other types" else "many") in warning
    assert os.path.exists(good)


def test_an_older_schema_is_brought_up_step_by_step(
    tmp_path: Path, run: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of this version once edgerig writes the version after the next: both steps run, in order."""
    store.add(run(1), str(tmp_path))
    steps: list[int] = []
    now = parquet_results.VERSION

    def step(version: int, table: object) -> object:
        steps.append(version)
        return table

    later = {version: partial(step, version) for version in (now, now + 1)}
    monkeypatch.setattr(parquet_results, "VERSION", now + 2)
    monkeypatch.setattr(parquet_results, "_MIGRATIONS", later)
    assert store.read(str(tmp_path)).runs == 1
    assert steps == [now, now + 1]


def test_a_run_of_version_1_is_still_read(tmp_path: Path, run: Callable[..., Results]) -> None:
    """What the first version did not have is null, and no figure of it is lost."""
    table = parquet_results.table(run(1)).drop_columns([*SINCE_1, "latency_p50_ci95_low_ms", "latency_p50_ci95_high_ms",
        "clock_control_ms", "core_control_ms", "memory_control_ms"])  # fmt: skip
    old = table.replace_schema_metadata({parquet_results._VERSION_KEY: b"1"})
    pq.write_table(old, tmp_path / "run-001.parquet")
    found = store.read(str(tmp_path))
    assert (found.warnings, found.runs) == ((), 1)
    assert found.rows.schema.equals(parquet_results.schema())
    assert found.rows.column("metrics").to_pylist() == [None]
    assert found.rows.column("latency_p50_ms").to_pylist() == old.column("latency_p50_ms").to_pylist()


@pytest.mark.parametrize("name", ["../../escaped", "/absolute", "a/b", ".hidden", "..", "x" * 200, "<script>", "é\n"])
def test_a_hostile_run_id_stays_in_its_folder(tmp_path: Path, run: Callable[..., Results], name: str) -> None:
    place = tmp_path / "history"
    store.add(run(1, run=name), str(place))
    (file,) = place.iterdir()
    assert list(tmp_path.iterdir()) == [place]
    assert store.read(str(place)).rows.column("run_id").to_pylist() == [name]
    assert file.suffix == ".parquet"


@pytest.mark.parametrize(
    ("place", "said"),
    [("nosuch://x", "nosuch"), ("s3://bucket/x", "s3fs"), ("/proc/edgerig/history", "cannot be written")],
)
def test_a_place_that_cannot_be_used_says_why(run: Callable[..., Results], place: str, said: str) -> None:
    if said == "s3fs":
        try:
            import s3fs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("s3fs is installed here")
    with pytest.raises(ConfigError, match=said):
        store.add(run(1), place)


def test_no_history_is_told_apart_from_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such history"):
        store.read(str(tmp_path / "none"))
    assert store.read(str(tmp_path)).runs == 0


def test_duckdb_alone_reads_the_folder(tmp_path: Path, run: Callable[..., Results]) -> None:
    for number in range(2):
        store.add(run(number), str(tmp_path))
    sql = f"SELECT count(*), min(latency_p50_ms), any_value(tools['torch']) FROM '{tmp_path}/*.parquet'"
    assert duckdb.sql(sql).fetchall() == [(2, 1.0, "2.13.0")]


def test_a_time_that_is_none_is_refused(run: Callable[..., Results]) -> None:
    wrong = run(1)
    wrong = wrong.model_copy(update={"run": wrong.run.model_copy(update={"started": "yesterday"})})
    with pytest.raises(ResultsError, match="yesterday"):
        parquet_results.render(wrong)


@pytest.fixture
def without_parquet(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Gives a function that installs it."""
    monkeypatch.setattr(extras, "installed", lambda name: name not in store.READS)
    monkeypatch.setattr(extras, "extras", lambda: {"history": frozenset(store.READS)})
    return lambda: monkeypatch.setattr(extras, "installed", lambda name: True)


def test_without_parquet_a_run_is_kept_as_its_results_and_read_later(
    place: str, run: Callable[..., Results], without_parquet: Callable[[], None]
) -> None:
    assert store.add(run(1), place).endswith("/run-001.json")
    with pytest.raises(NotInstalled) as told:
        store.read(place)
    assert told.value.hint == "pip install 'edgerig[history]'"
    without_parquet()
    store.add(run(2), place)
    found = store.read(place)
    assert (found.runs, found.warnings) == (2, ())
    assert found.rows.equals(pa.concat_tables([parquet_results.table(run(1)), parquet_results.table(run(2))]))


def test_a_run_kept_in_both_forms_counts_once(
    tmp_path: Path, run: Callable[..., Results], cell: Callable[..., CellResult], without_parquet: Callable[[], None]
) -> None:
    store.add(run(1), str(tmp_path))
    without_parquet()
    store.add(run(1, cell(), cell("digits_cnn-torch-tflite-fp16@local/t1")), str(tmp_path))
    found = store.read(str(tmp_path))
    assert (found.runs, found.rows.num_rows) == (1, 2)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema_version": 3}', b"\xff"])
def test_a_damaged_results_file_hides_no_other(tmp_path: Path, run: Callable[..., Results], content: bytes) -> None:
    store.add(run(1), str(tmp_path))
    (tmp_path / "broken.json").write_bytes(content)
    found = store.read(str(tmp_path))
    assert found.runs == 1
    assert "broken.json" in found.warnings[0]
