"""`edgerig show`: the table, the forms for scripts, the exit codes, and what a terminal is not made to obey."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CELL: dict[str, Any] = {
    "source": "torch",
    "threads": 1,
    "emulated": False,
    "status": "ok",
    "load_ms": 1.0,
    "latency": {
        "p50_ms": 1.0, "p90_ms": 1.1, "p99_ms": 2.0, "mean_ms": 1.0, "std_ms": 0.1, "min_ms": 0.9, "max_ms": 3.0,
        "samples": 500, "warmup_runs": 10,
    },
    "accuracy": {"metric": "top1", "value": 0.98, "ci95": [0.975, 0.985], "samples": 5000},
    "verdict": {"label": "stable", "evidence": {}, "advice": "the median is known to ±0.1%"},
}  # fmt: skip


def cell(model: str, form: str, recipe: str, device: str = "bench", **fields: Any) -> dict[str, Any]:
    identity = f"{model}-torch-{form}-{recipe}@{device}/t1"
    return {**CELL, "id": identity, "model": model, "format": form, "recipe": recipe, "device": device, **fields}


def quicker(p50_ms: float) -> dict[str, Any]:
    return {"latency": {**CELL["latency"], "p50_ms": p50_ms}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Results of two models; nothing of the second ran."""
    return written(
        tmp_path,
        [
            cell("net", "tflite", "fp32", size_bytes=2000),
            cell("net", "tflite", "int8-static", size_bytes=500, **quicker(0.5)),
            cell("net", "onnx", "int8-static", size_bytes=400, **quicker(0.7)),
        ],
    )


def written(folder: Path, cells: list[dict[str, Any]], **fields: Any) -> Path:
    models = {one["model"] for one in cells}
    document = {
        "schema_version": 2,
        "run": {"id": "a-run", "started": "2026-01-02T03:04:05+00:00", "seed": 0, "command": ["edgerig"], "spec": {}},
        "environment": {
            "edgerig": "0", "python": "3", "tools": {},
            "host": {"cpu": "", "cores": 1, "memory_bytes": None, "os": "", "governor": None},
        },
        "devices": {one["device"]: {"kind": "local", "emulated": False} for one in cells},
        "models": {
            f"{name}-torch": {"model": name, "source": "torch", "description": "", "licence": "", "dataset": None}
            for name in models
        },
        "cells": cells,
        **fields,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def show(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgerig", "show", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "100", **environment}
    )


def on_a_terminal(*arguments: object, **environment: str) -> str:
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgerig", "show", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm-256color", **environment}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment):
        os.close(theirs)
        sent = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end was closed: Linux says EIO
                break
            if not part:
                break
            sent += part
    os.close(ours)
    return sent.decode()


def test_the_table_names_what_to_ship_and_why(run: Path) -> None:
    done = show(run)
    assert (done.returncode, done.stderr) == (0, "")
    assert "budget: accuracy at most 1 point below fp32's" in done.stdout
    assert "tflite int8-static" in done.stdout
    assert "net on bench: Fastest of 3 variants within 1 point of fp32's 98.0 %" in done.stdout
    assert "  runner-up: onnx int8-static, 1.4× the latency (0.700 ms), 20 % smaller" in done.stdout


def test_json_and_csv_hold_the_same(run: Path) -> None:
    document = json.loads(show(run, "--json").stdout)
    assert document["budget"].items() >= {
        "accuracy_drop": 0.01, "latency_p50_ms": None, "size_bytes": None, "agreement": 0.9, "relative_error": None,
    }.items()  # fmt: skip
    (decided,) = document["decisions"]
    assert (decided["state"], decided["cell"]) == ("recommended", "net-torch-tflite-int8-static@bench/t1")
    assert (decided["latency_p50_ms"], decided["instructions"]) == (0.5, None)
    (row,) = csv.DictReader(io.StringIO(show(run, "--csv").stdout))
    assert row["cell"] == decided["cell"]
    assert (row["latency_p50_ms"], row["instructions"], row["emulated"]) == ("0.5", "", "false")
    assert list(row) == list(decided)


def test_rows_that_surprise_are_told_with_what_is_known_of_them(tmp_path: Path) -> None:
    known = {"label": "stable", "evidence": {"median_ci95_ms": [2.99, 3.01]}, "advice": "-"}
    cells = [
        cell("net", "tflite", "fp32", size_bytes=1),
        cell("net", "tflite", "int8-dynamic", size_bytes=1, **quicker(3.0), verdict=known),
    ]
    folder = written(tmp_path, cells)
    said = show(folder).stdout
    assert "why slower: net on bench: tflite int8-dynamic takes 3.00 ms, 3.00 times fp32's 1.00 ms" in said
    assert "edgerig profile net-torch-tflite-int8-dynamic@bench/t1" in said
    (told,) = json.loads(show(folder, "--json").stdout)["explained"]
    assert (told["cell"], told["kind"], told["reasons"]) == (cells[1]["id"], "slower", [])
    assert told["open"].startswith("nothing recorded explains it")


def test_an_emulated_latency_is_given_to_no_script(tmp_path: Path) -> None:
    folder = written(tmp_path, [cell("net", "tflite", "fp32", size_bytes=1, emulated=True)])
    assert json.loads(show(folder, "--json").stdout)["decisions"][0]["latency_p50_ms"] is None


def test_limits_may_be_changed(run: Path) -> None:
    (decided,) = json.loads(show(run, "--json", "--size-bytes", 450).stdout)["decisions"]
    assert decided["cell"] == "net-torch-onnx-int8-static@bench/t1"
    assert decided["ruled_out"] == "2 larger than 0.450 kB"


def test_agreement_and_relative_error_are_limits_as_well(tmp_path: Path) -> None:
    unlabelled: dict[str, Any] = {"accuracy": {"reason": "no labels"}}
    cells = [
        cell("net", "tflite", recipe, size_bytes=2000, **unlabelled, **quicker(p50),
             parity={"relative_error": error, "agreement": share, "samples": 1000})
        for recipe, p50, error, share in (("fp32", 1.0, 0.0, 1.0), ("int8-static", 0.5, 0.2, 0.8))
    ]  # fmt: skip
    folder = written(tmp_path, cells)
    for flags, recipe in (
        ([], "fp32"),
        (["--agreement", 0.75], "int8-static"),
        (["--agreement", 0.75, "--relative-error", 0.1], "fp32"),
    ):
        (decided,) = json.loads(show(folder, "--json", *flags).stdout)["decisions"]
        assert (decided["recipe"], decided["state"]) == (recipe, "recommended")
    assert (decided["agreement"], decided["relative_error"]) == (1.0, 0.0)
    assert "100 % as float" in show(folder).stdout


def test_all_metrics_are_shown_with_unit_and_direction(tmp_path: Path) -> None:
    rate = {"metric": "mse", "value": 0.0123, "unit": "", "higher_is_better": False, "samples": 9}
    folder = written(
        tmp_path, [cell("net", "tflite", "fp32", size_bytes=1, metrics={"top1": CELL["accuracy"], "mse": rate})]
    )
    assert "98.0 % top1 ↑, 0.0123 mse ↓" in show(folder, COLUMNS="200").stdout
    (decided,) = json.loads(show(folder, "--json").stdout)["decisions"]
    assert (decided["accuracy_unit"], decided["accuracy_higher_is_better"]) == ("fraction", True)
    assert decided["metrics"]["mse"] == {
        "value": 0.0123, "unit": "", "higher_is_better": False, "ci95": None, "reason": "",
    }  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(show(folder, "--csv").stdout))
    assert json.loads(row["metrics"]) == decided["metrics"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--size-bytes", "1"], 1, "No variant can be recommended"),
        (["--size-bytes", "-1"], 2, "size_bytes"),
        (["--json", "--csv"], 2, "exclude each other"),
    ],
)
def test_exit_codes(run: Path, arguments: list[str], code: int, said: str) -> None:
    done = show(run, *arguments)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_no_results_is_exit_code_2(tmp_path: Path) -> None:
    assert show(tmp_path).returncode == 2


def test_a_broken_budget_in_the_results_is_refused(tmp_path: Path) -> None:
    info = {"id": "x", "started": "", "seed": 0, "command": [], "spec": {"budget": {"accuracy_drop": 7}}}
    done = show(written(tmp_path, [cell("net", "tflite", "fp32", size_bytes=1)], run=info))
    assert done.returncode == 2
    assert "run.spec.budget.accuracy_drop" in done.stderr


def test_colours_in_a_terminal_none_in_a_pipe_none_under_no_color(run: Path) -> None:
    assert "\x1b" not in show(run).stdout
    assert "\x1b[1;32m" in on_a_terminal(run)
    plain = on_a_terminal(run, NO_COLOR="1")
    assert "tflite" in plain
    assert "32m" not in plain


def test_a_name_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J[red]x"
    done = on_a_terminal(written(tmp_path, [cell("net", "tflite", "fp32", hostile, size_bytes=1)]))
    assert "\x1b]0;" not in done
    assert "\x1b[2J" not in done
    assert "]0;owned" in done


def test_the_shell_completes_names() -> None:
    environment = {
        **os.environ,
        "_EDGERIG_COMPLETE": "complete_bash",
        "COMP_WORDS": "edgerig sweep --recipe int8",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("edgerig"))], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.stdout.split() == [
        "int8-dynamic",
        "int8-static",
        "int8-static-equalized",
        "int8-full",
        "int8-static-unsigned",
        "int8-static-nncf",
        "int8-weight",
    ]
    environment |= {"COMP_WORDS": "edgerig sh", "COMP_CWORD": "1"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("edgerig"))], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.stdout.split() == ["show"]
