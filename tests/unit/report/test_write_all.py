from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgerig.errors import EdgerigError, ResultsError
from edgerig.report import run
from edgerig.report.run import json_results
from edgerig.results import Results


def test_every_writer_writes_its_file_and_nothing_else(results: Results, tmp_path: Path) -> None:
    written = run.write_all(results, tmp_path / "new" / "run")
    assert [path.name for path in written] == list(run.WRITERS)
    assert sorted(path.name for path in (tmp_path / "new" / "run").iterdir()) == sorted(run.WRITERS)
    assert written[0].read_bytes() == json_results.render(results)


@pytest.mark.parametrize("name", run.WRITERS)
def test_the_same_results_give_the_same_bytes(results: Results, name: str) -> None:
    again = Results.model_validate_json(json_results.render(results))
    assert run.render(name, results) == run.render(name, again)


def test_a_file_is_replaced_not_rewritten(results: Results, tmp_path: Path) -> None:
    old = tmp_path / "results.csv"
    old.write_text("old")
    with old.open() as reader:
        run.write_all(results, tmp_path)
        assert reader.read() == "old"
    assert old.read_text(encoding="utf-8").startswith("id,")


def test_a_folder_that_is_a_file_is_refused(results: Results, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(EdgerigError, match="cannot be written") as caught:
        run.write_all(results, tmp_path / "run")
    assert caught.value.hint


def test_a_failed_write_leaves_the_old_file_and_no_rest(results: Results, tmp_path: Path) -> None:
    (tmp_path / "results.csv").mkdir()  # a folder where the second file should go
    with pytest.raises(EdgerigError, match=r"results\.csv: cannot be written"):
        run.write_all(results, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(run.WRITERS)
    assert list((tmp_path / "results.csv").iterdir()) == []


@pytest.mark.parametrize("name", run.WRITERS)
def test_a_writer_that_fails_prevents_no_other(
    results: Results, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run.WRITERS, name, "operator:neg")  # raises TypeError on results
    with pytest.raises(ResultsError, match=f"{name}: TypeError") as caught:
        run.write_all(results, tmp_path)
    traceback = tmp_path / "logs" / f"{name}.traceback.txt"
    assert str(traceback) in caught.value.hint
    assert "TypeError" in traceback.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {*run.WRITERS, "logs"} - {name}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(results: Results, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EdgerigError, match="cannot be written"):
        run.write_all(results, tmp_path)


def test_writers_are_imported_when_asked_for() -> None:
    code = "import sys, edgerig.report.run; print([m for m in ('plotly', 'jinja2') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
