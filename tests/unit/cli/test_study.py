"""`edgerig study` over runs: where it writes, what it says, and which flags exclude each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner
from unit.study.made import cell, run

from edgerig.cli.app import app
from edgerig.errors import ConfigError
from edgerig.report.run import json_results
from edgerig.results import Results


def written(folder: Path, results: Results) -> Path:
    folder.mkdir()
    (folder / "results.json").write_bytes(json_results.render(results))
    return folder


@pytest.fixture
def one(tmp_path: Path) -> Path:
    small = cell("torch", "tflite", 0.5, recipe="int8-static", size=250_000)
    return written(tmp_path / "one", run(cell("torch", "tflite"), small))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    big = cell("torch", "tflite", 2.0, recipe="int8-static", size=900_000)
    return written(tmp_path / "two", run(cell("torch", "tflite"), big, name="two"))


def test_it_concludes_from_a_run_and_writes_into_its_folder(one: Path) -> None:
    (one / "index.html").write_text("its report")
    done = CliRunner().invoke(app, ["study", str(one)])
    assert done.exit_code == 0, done.output
    assert "depends: as claimed; PyTorch alone, nothing of TensorFlow was compared" in done.output
    assert done.output.splitlines()[-1] == str(one / "study.html")
    assert 'href="index.html"' in (one / "study.html").read_text(encoding="utf-8")
    assert "(index.html)" in (one / "study.md").read_text(encoding="utf-8")


def test_several_runs_are_one_study_in_the_folder_asked_for(one: Path, two: Path, tmp_path: Path) -> None:
    (two / "index.html").write_text("its report")
    done = CliRunner().invoke(app, ["study", str(one / "results.json"), str(two), "--out", str(tmp_path / "to")])
    assert done.exit_code == 0, done.output
    assert "depends: as claimed in 1 comparison, against it in 1" in done.output
    assert 'href="../two/index.html"' in (tmp_path / "to" / "study.html").read_text(encoding="utf-8")
    assert not (one / "study.html").exists()


@pytest.mark.parametrize("flags", [["--quick"], ["--device", "local"], ["--resume", "elsewhere"]])
def test_a_run_is_taken_as_it_is(one: Path, flags: list[str]) -> None:
    done = CliRunner().invoke(app, ["study", str(one), *flags])
    assert isinstance(done.exception, ConfigError)
    assert "leave the runs out" in done.exception.hint


def test_resuming_takes_no_other_plan() -> None:
    done = CliRunner().invoke(app, ["study", "--resume", "somewhere", "--quick"])
    assert isinstance(done.exception, ConfigError)


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["study", str(tmp_path / "nothing")])
    assert done.exception is not None
    assert "nothing" in str(done.exception)


def test_an_unknown_device_is_told_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["study", "--device", "no-such-board"])
    assert isinstance(done.exception, ConfigError)
    assert list(tmp_path.iterdir()) == []
