"""A sweep in a home of its own: what it, its builds and its runners write lies in the run, the cache and TMPDIR."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.commands import QUICK

pytestmark = pytest.mark.e2e


def test_a_sweep_leaves_nothing_in_the_home_and_no_library_reports_home(tmp_path: Path) -> None:
    """ONNX Runtime would leave a device's id and a database of events in ~/.cache/Microsoft, Keras ~/.keras."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "work" / "sweep.toml").write_text(
        'models = ["digits_cnn"]\nsources = ["torch", "keras"]\nformats = ["onnx", "tflite"]\nrecipes = ["fp32"]\n'
        + QUICK
    )
    kept = {key: value for key, value in os.environ.items() if key not in ("EDGERIG_CACHE", "KERAS_HOME")}
    quiet = {key: value for key, value in kept.items() if "TELEMETRY" not in key and key != "DO_NOT_TRACK"}
    done = subprocess.run(
        [sys.executable, "-m", "edgerig", "sweep", "sweep.toml"],
        cwd=tmp_path / "work",
        env={
            **quiet,
            "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "tmp"),
            "EDGERIG_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in (tmp_path / "home").rglob("*")] == []
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["reports", "sweep.toml"]
    assert list((tmp_path / "tmp").rglob(".ses")) == []
