"""A part of the zoo: real files out of packages of the index, run as they are and as sources, against their runtimes
alone. `benchmarks/zoo.py` has the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
MODELS = ("basic_pitch_tflite", "wakeword_alexa", "microwakeword_okay_nabu")
"""Small files in small packages: several outputs; a dense network; an int8 stream that remembers."""


def zoo(*words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "zoo.py"), *words],
        capture_output=True, text=True, timeout=890, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_a_real_model_runs_as_its_runtime_alone_runs_it_and_no_recipe_fails(model: str, tmp_path: Path) -> None:
    recipes = ("--recipe", "as-is", "--recipe", "fp32", "--recipe", "int8-dynamic")
    done = zoo("--only", model, *recipes, "--out", str(tmp_path))
    if "could be downloaded" in done.stdout:
        pytest.skip(f"the package index cannot be reached: {done.stdout.strip()[-300:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed." in done.stdout
    table, _, _ = (tmp_path / "zoo.md").read_text(encoding="utf-8").partition("\n\n")
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    outcomes = {row[1]: row[2] for row in rows}
    assert outcomes["tflite-as-is"] == "ok"
    assert set(outcomes.values()) <= {"ok", "unsupported"}
    assert all(row[5].startswith("same") for row in rows if row[2] == "ok")


def test_a_resumed_run_takes_the_rows_that_are_there_and_a_failed_one_is_an_exit_code(tmp_path: Path) -> None:
    row = {"model": "wakeword_alexa", "cell": "tflite-fp32", "outcome": "ok", "error": 0.3, "bare": "same"}
    reason = "UnsupportedRecipe: int8-full: SIN (3): no form"
    kept = [row, row | {"cell": "tflite-int8-full", "outcome": "unsupported", "error": None, "reason": reason}]
    (tmp_path / "wakeword_alexa.rows.json").write_text(json.dumps(kept), encoding="utf-8")
    done = zoo("--resume", "--only", "wakeword_alexa", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "1 models, 2 rows: 1 ok, 1 unsupported, 0 failed." in done.stdout
    assert "| 1 | tflite-int8-full | unsupported | int8-full" in done.stdout
    assert "- wakeword_alexa tflite-fp32: 0.3" in done.stdout
    kept[0]["outcome"] = "failed"
    (tmp_path / "wakeword_alexa.rows.json").write_text(json.dumps(kept), encoding="utf-8")
    assert zoo("--resume", "--only", "wakeword_alexa", "--out", str(tmp_path)).returncode == 1


def test_a_name_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    done = zoo("--only", "nobody", "--out", str(tmp_path))
    assert done.returncode == 1
    assert "no such model: nobody" in done.stderr
    assert "magika" in done.stderr
