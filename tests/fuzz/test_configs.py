"""Sweeps, models, devices, budgets and baselines in TOML that says anything."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import tomlkit
from fuzz.inputs import BYTES, altered, damaged, numbers, survived

from edgerig.compare.baseline import read_baseline
from edgerig.plan import make_plan
from edgerig.spec import PACKAGE, known_devices, load_device, load_models, load_sweep
from edgerig.spec.budget import load_budget

SWEEP = """
models = ["digits_cnn"]
sources = ["torch"]
formats = ["tflite", "onnx"]
recipes = ["fp32"]
devices = ["local"]
threads = [1, 2]
select = ["*"]
seed = 3
[options.executorch]
backend = "xnnpack"
[run]
repeats = 2
min_seconds = 0.5
[build]
timeout_s = 100.0
[budget]
accuracy_drop = 0.02
"""
DEVICE = """
kind = "ssh"
host = "board"
port = 22
user = "me"
key = "~/.ssh/id"
description = "a board"
workdir = "/var/tmp/edgerig"
runtime = "bundle"
"""
BUDGET = """
inconclusive = "pass"
[regression]
latency = 0.1
[[cells]]
match = "*"
limit = { size_bytes = 100000, latency_p50_ms = 1.5 }
regression = { size = 0.5 }
"""
BASELINE = """
schema_version = 1
run = "20260101-000000-aaaa"
started = "2026-01-01T00:00:00+00:00"
[devices.local]
kind = "local"
emulated = false
cpu = "cpu"
[cells."net-torch-onnx-fp32@local/t1"]
device = "local"
emulated = false
status = "ok"
size_bytes = 1000
relative_error = 0.01
[cells."net-torch-onnx-fp32@local/t1".latency]
p50_ms = 0.1
p90_ms = 0.1
p99_ms = 0.1
process_p50_ms = [0.1, 0.11]
half_width = 0.01
[cells."net-torch-onnx-fp32@local/t1".accuracy]
metric = "top1"
value = 0.9
ci95 = [0.8, 1.0]
samples = 100
dataset = "d"
wrong = [1, 5]
"""


def changed(text: str, random: Random) -> bytes:
    """The TOML with values of other kinds where it can say them, or damaged as bytes."""
    if random.random() < 0.6:
        try:
            return tomlkit.dumps(without_none(altered(tomllib.loads(text), random))).encode("utf-8", "replace")
        except (ValueError, TypeError, tomlkit.exceptions.TOMLKitError):  # TOML has no word for it
            pass
    lines = text.splitlines()
    if random.random() < 0.5:
        key = random.randrange(len(lines))
        name = lines[key].partition("=")[0]
        lines[key] = f"{name}= {random.choice(BYTES).decode('latin-1')}"
        return "\n".join(lines).encode("utf-8", "replace")
    return damaged(text.encode(), random)


def without_none(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_none(value) for key, value in tree.items() if value is not None}
    return [without_none(value) for value in tree if value is not None] if isinstance(tree, list) else tree


def sweep(folder: Path) -> None:
    make_plan(load_sweep(folder / "x.toml", {}))


def model(folder: Path) -> None:
    load_models(str(folder))


def device(folder: Path) -> None:
    for name in known_devices():
        load_device(name)


CONFIGS: tuple[tuple[str, str, str, Callable[[Path], object]], ...] = (
    ("sweep", SWEEP, "x.toml", sweep),
    ("model", (PACKAGE.parent / "models" / "digits_cnn" / "model.toml").read_text(), "model.toml", model),
    ("device", DEVICE, "devices/x.toml", device),
    ("budget", BUDGET, "x.toml", lambda folder: load_budget(folder / "x.toml")),
    ("baseline", BASELINE, "x.toml", lambda folder: read_baseline(folder / "x.toml")),
)


@pytest.mark.parametrize(("kind", "text", "file", "load"), CONFIGS, ids=[each[0] for each in CONFIGS])
def test_no_configuration_gives_a_traceback(
    kind: str, text: str, file: str, load: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "model":
        shutil.copytree(PACKAGE.parent / "models" / "digits_cnn", tmp_path, dirs_exist_ok=True)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(text)
    load(tmp_path)  # as it is, nothing is wrong with it
    for name, random in numbers(kind, 80):
        (tmp_path / file).write_bytes(changed(text, random))
        with survived(name):
            load(tmp_path)
