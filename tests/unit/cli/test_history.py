"""`edgerig history` and `edgerig export`, as a user types them, on a run's written results."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from unit.history.runs import make_cell, make_run

from edgerig.cli import completion
from edgerig.report.run import json_results

FAILED = make_cell("digits_cnn-torch-onnx-fp32@local/t1", failed="no answer")
EMULATED = make_cell(
    "digits_cnn-torch-tflite-fp32@qemu-rpi4/t1", device="qemu-rpi4", emulated=True, label="emulated", instructions=9_000
)


def edgerig(cwd: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgerig", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`reports/` with three runs; the last one is of 1.5 times the size."""
    for number in range(3):
        run = make_run(number, make_cell(size=1000 if number < 2 else 1500), FAILED, EMULATED, run=f"2026-0-{number}")
        target = tmp_path / "reports" / run.run.id
        target.mkdir(parents=True)
        (target / "results.json").write_bytes(json_results.render(run))
        (target / "run.json").write_text("{}")
    return tmp_path


@pytest.fixture
def kept(folder: Path) -> Path:
    done = edgerig(folder, "history", "add", *sorted((folder / "reports").iterdir()))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    return folder


def test_a_trend_in_the_terminal_is_whole_in_a_pipe(kept: Path) -> None:
    done = edgerig(kept, "history", "digits_cnn", "--metric", "size_bytes")
    assert done.returncode == 0, done.stderr
    assert "+50.0 % at 2026-0-2: 1,000 → 1,500 bytes" in done.stdout
    assert "digits_cnn-torch-onnx-fp32@local/t1: 3 left out: failed: no answer (3)" in done.stdout
    assert "\x1b[" not in done.stdout


def test_json_is_alone_on_stdout_and_warnings_are_not(kept: Path) -> None:
    (kept / "reports" / "history" / "torn.parquet").write_bytes(b"PAR1")
    done = edgerig(kept, "history", "show", "digits_cnn", "--metric", "instructions", "--json")
    told = json.loads(done.stdout)
    assert "torn.parquet: not a Parquet file" in done.stderr
    assert [len(series["points"]) for series in told["series"]] == [3, 3, 3]
    assert {s["cell"]: s["last"] for s in told["series"]}[EMULATED.id] == 9_000


def test_the_page_is_written_where_it_was_asked_for(kept: Path) -> None:
    (kept / "out").mkdir()
    done = edgerig(
        kept, "history", "digits_cnn", "--html", "out/history.html", "--cell", "*onnx*", "--cell", "*tflite*"
    )
    assert done.stdout.strip() == "out/history.html"
    assert "<!doctype html>" in (kept / "out" / "history.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["history", "digits_cnn"], 2, "no such history"),
        (["history", "digits_cnn", "--html", "no/such/page.html"], 2, "there is no folder no/such"),
        (["history", "digits_cnn", "--html", "."], 2, "is a folder"),
        (["debug", "digits_cnn-torch-tflite-int8-static", "--html", "no/page.html"], 2, "there is no folder no"),
        (["baseline", "update", "nothing", "--file", "no/b.toml"], 2, "there is no folder no"),
        (["history", "digits_cnn", "--metric", "speed"], 2, "one of size_bytes, latency_p50_ms"),
        (["history", "add", "nothing"], 2, "no such file"),
        (["history", "digits_cnn", "--at", "nosuch://x"], 2, "nosuch"),
        (["export", "reports/2026-0-0", "--to", "excel"], 2, "known: csv, litert, mlflow"),
        (["export", "nothing", "--to", "csv"], 2, "no such file"),
    ],
)
def test_wrong_input_ends_with_its_exit_code_and_no_traceback(
    folder: Path, arguments: list[str], code: int, said: str
) -> None:
    done = edgerig(folder, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_model_selects_nothing(kept: Path) -> None:
    done = edgerig(kept, "history", "digits_cmn")
    assert done.returncode == 3
    assert "it knows digits_cnn" in done.stderr


def test_a_run_that_cannot_be_read_keeps_the_others_out_too(folder: Path) -> None:
    """All are read before one is written: half an `add` would look like a whole one."""
    (folder / "reports" / "2026-0-2" / "results.json").write_text('{"schema_version": 2')
    done = edgerig(folder, "history", "add", *sorted((folder / "reports").iterdir()), "--to", "there")
    assert done.returncode == 2
    assert not (folder / "there").exists()


def test_exports_go_into_the_run_by_default_and_say_what_they_leave_out(folder: Path) -> None:
    run = folder / "reports" / "2026-0-0"
    for name, file in (("csv", "results.csv"), ("parquet", "results.parquet"), ("pytorch", "pytorch.json")):
        done = edgerig(folder, "export", run, "--to", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(run / "export" / file)
    assert "left out: digits_cnn-torch-onnx-fp32@local/t1: failed: no answer" in done.stderr
    assert len(list(csv.DictReader((run / "export" / "results.csv").open()))) == 3
    assert pq.read_table(run / "export" / "results.parquet").num_rows == 3


def test_completion_offers_runs_models_cells_and_exports(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert completion.runs("") == [f"reports/2026-0-{number}" for number in (2, 1, 0)]
    assert completion.runs("reports/2026-0-1") == ["reports/2026-0-1"]
    assert completion.cells("digits_cnn-torch-o") == [FAILED.id]
    assert "digits_cnn" in completion.models("digits_c")
    assert completion.exports("py") == ["pytorch"]


@pytest.mark.parametrize("content", [None, "not json", '{"cells": 3}', '{"cells": [{"x": 1}]}', "[]"])
def test_completion_is_silent_whatever_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "reports" / "r").mkdir(parents=True)
        (tmp_path / "reports" / "r" / "results.json").write_text(content)
    assert completion.cells("") == []
    assert completion.runs("") == []
    assert completion.runs("/nonexistent/x") == []
