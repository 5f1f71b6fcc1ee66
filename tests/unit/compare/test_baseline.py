"""baseline.toml: small, stable, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.compare.baseline import read_baseline, render
from edgerig.compare.comparison import compare
from edgerig.compare.snapshot import Snapshot, snapshot
from edgerig.errors import ResultsError
from edgerig.results import Results


@pytest.fixture
def found(results: Results) -> Snapshot:
    return snapshot(results, {}, {})


@pytest.fixture
def file(found: Snapshot, tmp_path: Path) -> Path:
    path = tmp_path / "baseline.toml"
    path.write_bytes(render(found))
    return path


def test_a_run_is_the_same_as_its_own_baseline(found: Snapshot, file: Path) -> None:
    assert {cell.label for cell in compare(read_baseline(file), found).cells} <= {
        "same",
        "inconclusive",
        "not compared",
    }
    sizes = {name: cell.of("size_bytes") for name, cell in read_baseline(file).cells.items()}
    assert sizes == {name: cell.of("size_bytes") for name, cell in found.cells.items() if cell.status != "skipped"}


def test_the_order_of_the_run_does_not_matter_and_one_change_is_one_line(results: Results, found: Snapshot) -> None:
    reversed_ = results.model_copy(update={"cells": results.cells[::-1]})
    assert render(snapshot(reversed_, {}, {})) == render(found)
    first = next(name for name, cell in found.cells.items() if cell.status == "ok")
    changed = found.cells[first].model_copy(update={"size_bytes": 1})
    before = render(found).decode().splitlines()
    after = render(found.model_copy(update={"cells": {**found.cells, first: changed}})).decode().splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_emulated_latency_is_not_kept(found: Snapshot, file: Path) -> None:
    assert all(cell.latency is None for cell in read_baseline(file).cells.values() if cell.emulated)
    assert any(cell.latency is not None for cell in found.cells.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("schema_version = 1", "schema_version = 9"), "schema_version 9 is not known"),
        (("schema_version = 1", ""), "schema_version None"),
        (('status = "ok"', 'status = "fine"'), "status"),
        (("p50_ms = ", "p50_ms = nan # "), "p50_ms"),
        (("p50_ms = ", "p50_ms = -1 # "), "p50_ms"),
        (("size_bytes = ", "size_bytes = 1e400 # "), "size_bytes"),
        (("size_bytes = ", "size_byte = "), "size_byte"),
        (("[", "[["), ""),
    ],
)
def test_a_damaged_baseline_is_refused_by_file_and_key(file: Path, change: tuple[str, str], said: str) -> None:
    file.write_text(file.read_text().replace(*change, 1))
    with pytest.raises(ResultsError) as caught:
        read_baseline(file)
    assert str(file) in caught.value.message
    assert said in caught.value.message
    assert "edgerig baseline update" in caught.value.hint


def test_a_missing_one_is_told_as_missing(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        read_baseline(tmp_path / "none.toml")


def test_a_newer_minor_version_is_read_without_what_is_unknown(found: Snapshot, file: Path) -> None:
    text = file.read_text().replace("schema_version = 1", "schema_version = 1\nschema_minor = 7\nreviewed = true", 1)
    file.write_text(text.replace("size_bytes = ", "packed_bytes = 3\nsize_bytes = ", 1))
    read = read_baseline(file)
    assert read.schema_minor == 7
    assert [cell.of("size_bytes") for cell in read.cells.values()] == [
        cell.of("size_bytes") for _, cell in sorted(found.cells.items()) if cell.status != "skipped"
    ]
    file.write_text(text.replace("schema_minor = 7", "schema_minor = 0"))
    with pytest.raises(ResultsError, match="reviewed"):
        read_baseline(file)
