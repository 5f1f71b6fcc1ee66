"""edgerig without an extra, installed in a fresh environment outside the checkout, beside the store of this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from e2e.commands import QUICK, Edgerig
from e2e.wheel import wheel as wheel
from sshd import Sshd

pytestmark = pytest.mark.e2e

LARGEST_MB = 200
"""Of what is installed, without pip and without bytecode, which add some 45 MB: the goal is 250 MB with both."""
HEAVY = ("torch", "tensorflow", "executorch", "onnx", "onnxruntime", "ai_edge_litert", "scipy", "pyarrow", "plotly")
SWEEP = f'models = ["digits_cnn"]\nformats = ["tflite"]\nrecipes = ["fp32"]\n{QUICK}'


class Light(NamedTuple):
    python: Path
    folder: Path

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more
        argv = [str(self.python.with_name("edgerig")), *words]
        return subprocess.run(argv, cwd=self.folder, env=given, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its Python."""
    folder = tmp_path_factory.mktemp("light")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=300)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", str(wheel)], check=True, timeout=600)
    return python


@pytest.fixture
def light(installed: Path, edgerig: Edgerig) -> Light:
    return Light(installed, edgerig.folder)


def test_it_is_small_and_brings_no_framework(installed: Path) -> None:
    (site,) = installed.parents[1].glob("lib/python*/site-packages")
    size = sum(file.lstat().st_size for file in site.rglob("*") if not file.is_dir()) / 1e6
    assert size < LARGEST_MB
    assert not [name for name in HEAVY if (site / name).exists()]


def test_light_commands_work_on_a_run_and_others_name_their_extra(light: Light, edgerig: Edgerig) -> None:
    swept = edgerig("sweep", edgerig.sweep_file(SWEEP))
    assert swept.code == 0, swept.err
    run = str(swept.run)
    for codes, *words in (
        ({0}, "plan"),
        ({0}, "devices"),
        ({0}, "models", "show", "digits_cnn"),
        ({0, 1}, "show", run),  # a busy machine's latency may allow no recommendation,
        ({0}, "report", run),
        ({0, 8}, "gate", run, "--baseline", run),  # nor a comparison
        ({0}, "history", "add", run, "--to", "history"),
        ({0}, "export", run, "--to", "csv"),
    ):
        done = light(*words)
        assert done.returncode in codes, (words, done.stdout, done.stderr)
        assert "edgerig[" not in done.stderr
    (kept,) = (light.folder / "history").iterdir()
    assert kept.name == f"{swept.run.name}.json"
    trend = edgerig("history", "digits_cnn", "--at", str(light.folder / "history"))
    assert trend.code == 0, trend.err  # where Parquet can be read, what was kept without it is read as well
    for words, hint in (
        (["history", "digits_cnn", "--at", "history"], "edgerig[history]"),
        (["export", run, "--to", "parquet"], "edgerig[history]"),
        (["export", run, "--to", "tensorboard"], "edgerig[tensorboard]"),
        (["devices", "doctor", "local"], "edgerig[build]"),
    ):
        done = light(*words)
        assert hint in done.stdout + done.stderr, (words, done.stdout, done.stderr)
        assert done.returncode
        assert "Traceback" not in done.stderr


def test_what_the_store_has_runs_on_a_device_and_what_must_be_built_is_refused_first(
    light: Light, edgerig: Edgerig, remote: Sshd
) -> None:
    assert edgerig("sweep", edgerig.sweep_file(SWEEP)).code == 0  # it is in the store now
    done = light("sweep", "sweep.toml", "--device", "remote")
    assert done.returncode == 0, done.stderr
    assert "1 ok" in done.stderr
    refused = light("sweep", "--model", "digits_cnn", "--format", "onnx", "--out", "none", EDGERIG_CACHE="empty")
    assert refused.returncode == 2
    assert "hint: pip install 'edgerig[build]'" in refused.stderr
    assert not (light.folder / "none").exists()
