"""`import edgerig`: the example of docs/api.md as a user runs it, and what the functions give and raise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import edgerig
from edgerig.spec import PACKAGE

pytestmark = pytest.mark.e2e
EXAMPLE = PACKAGE.parent / "examples" / "choose_a_build.py"
CELLS = [f"digits_cnn-torch-onnx-{recipe}@local/t1" for recipe in ("fp32", "int8-dynamic")]


def example(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that the example made without an earlier one."""
    out = tmp_path_factory.mktemp("reports")
    done = example(str(out), folder=out)
    (run,) = out.glob("2*")
    told = done.stdout.splitlines()
    # On a machine that others work on too no build's latency may be known, and none is shipped then.
    assert done.returncode == ("ship nothing" in told[2]), done.stderr
    assert told[0] == f"2 cells: {', '.join(CELLS)}"
    assert told[1] == f"report: {run / 'index.html'}"
    assert told[2].startswith(tuple(f"ship {name} (" for name in (*CELLS, "nothing")))
    assert [line for line in done.stderr.splitlines() if line.startswith("ok: cell")] == [
        f"ok: cell {cell}" for cell in CELLS
    ]
    return run


def test_the_example_compares_with_an_earlier_run_and_is_gated(ran: Path, tmp_path: Path) -> None:
    done = example(str(tmp_path), str(ran), folder=tmp_path)
    told = done.stdout.splitlines()
    assert {line.partition(":")[0] for line in told[3:5]} == set(CELLS)
    outcome = told[-1].removeprefix("gate: ")
    assert (outcome, done.returncode) in {("pass", 0), ("fail", 1), ("inconclusive", 1)}
    assert ("failed: " in done.stdout) == (outcome == "fail")
    assert done.stderr.count("ok: build") + done.stderr.count("cached: build") == 2


def test_the_example_says_what_is_wrong(tmp_path: Path) -> None:
    done = example(str(tmp_path / "out"), str(tmp_path / "none"), folder=tmp_path)
    (tmp_path / "file").touch()
    refused = example(str(tmp_path / "file"), folder=tmp_path)
    assert (done.returncode, refused.returncode) == (2, 2)
    assert "no such file" in done.stderr
    assert "cannot be written" in refused.stderr
    assert "Traceback" not in done.stderr + refused.stderr


def test_a_run_is_read_decided_compared_and_gated_as_on_the_command_line(ran: Path) -> None:
    results = edgerig.read(ran)
    assert [cell.id for cell in results.cells] == CELLS
    assert edgerig.read(str(ran / "results.json")) == results
    assert results.run.command == ("edgerig.sweep",)
    (own,) = edgerig.decide(results)
    (strict,) = edgerig.decide(results, edgerig.SweepBudget.model_validate({"size_bytes": 1}))
    assert (strict.pick, strict.state) == (None, "none")
    assert own.device == "local"
    command = [sys.executable, "-m", "edgerig", "show", str(ran), "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60).stdout)
    assert shown["decisions"][0]["cell"] == (own.pick and own.pick.id)
    assert shown["decisions"][0]["why"] == own.why

    assert {cell.label for cell in edgerig.compare(ran, ran).cells} <= {"same", "inconclusive"}
    limit = {"cells": [{"match": "*", "limit": {"size_bytes": 1}}]}
    gated = edgerig.gate(ran, budget=edgerig.Budget.model_validate(limit), select=["*fp32*"])
    assert (gated.passed, gated.comparison) == (False, None)
    assert [check.cell for check in gated.result.of("fail")] == CELLS[:1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: edgerig.read(run / "nothing"), "no such file"),
        (lambda run: edgerig.plan(edgerig.SweepSpec(models=("digits_cmn",))), 'unknown model "digits_cmn"'),
        (lambda run: edgerig.plan(keys={"models": ["digits_cnn"], "recipies": []}), 'unknown key "recipies"'),
        (lambda run: edgerig.plan(keys={"models": ["digits_cnn"], "recipe": []}), 'says the key "recipes"'),
        (lambda run: edgerig.plan(edgerig.SweepSpec(), {"models": []}), "keys replace those of a sweep's TOML"),
        (lambda run: edgerig.gate(run), "nothing to hold the run to"),
        (lambda run: edgerig.gate(run, baseline=run, select=["none*"]), "no cell matches"),
        (lambda run: edgerig.sweep(run / "raw"), "not a run's folder"),
    ],
)
def test_what_is_wrong_is_one_error_with_a_hint(ran: Path, call: Callable[[Path], object], said: str) -> None:
    with pytest.raises(edgerig.EdgerigError) as caught:
        call(ran)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_finished_run_is_reported_again_in_any_thread_and_changes_nothing_of_the_process(ran: Path) -> None:
    before, here = dict(os.environ), os.getcwd()
    found: list[edgerig.Run] = []

    class Counting(edgerig.Observer):
        planned_cells = 0

        def planned(self, run: Path, cells: int, done: int) -> None:
            self.planned_cells = cells - done

    counting = Counting()
    thread = threading.Thread(target=lambda: found.append(edgerig.sweep(ran, observer=counting)))
    thread.start()
    thread.join(120)
    (run,) = found
    assert (run.path, counting.planned_cells) == (ran, 0)
    assert run.results == edgerig.read(ran)
    assert {path.name for path in run.reports} == {"results.json", "results.csv", "report.md", "index.html"}
    assert (dict(os.environ), os.getcwd()) == (before, here)
