"""A sweep in a home of its own: what it, its builds and its runners write lies in the run, the cache and TMPDIR."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.commands import QUICK

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After two sweeps: of a network in two frameworks, and of a file that the first of them built."""
    place = tmp_path_factory.mktemp("place")
    for name in ("home", "tmp", "work"):
        (place / name).mkdir()
    (place / "work" / "sweep.toml").write_text(
        'models = ["digits_cnn"]\nsources = ["torch", "keras"]\nformats = ["onnx", "tflite"]\nrecipes = ["fp32"]\n'
        + QUICK
    )
    swept(place, "sweep.toml")
    (built,) = (place / "work" / "reports").glob("*/artifacts/*-torch-onnx-fp32.onnx")
    swept(
        place, "sweep.toml", "--model", str(built), "--source", "onnx", "--format", "onnx", "--recipe", "int8-dynamic"
    )
    return place


def swept(place: Path, *arguments: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key not in ("EDGERIG_CACHE", "KERAS_HOME")}
    quiet = {key: value for key, value in kept.items() if "TELEMETRY" not in key and key != "DO_NOT_TRACK"}
    done = subprocess.run(
        [sys.executable, "-m", "edgerig", "sweep", *arguments],
        cwd=place / "work",
        env={
            **quiet,
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
            "EDGERIG_CACHE": str(place / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_a_sweep_leaves_nothing_in_the_home_and_no_library_reports_home(place: Path) -> None:
    """ONNX Runtime would leave a device's id and a database of events in ~/.cache/Microsoft, Keras ~/.keras."""
    assert [str(path) for path in (place / "home").rglob("*")] == []


def test_it_leaves_nothing_in_the_folder_for_temporary_files(place: Path) -> None:
    """Dask would leave its locks there; a file that is a source is copied there with its shapes fixed."""
    assert [str(path) for path in (place / "tmp").rglob("*")] == []


def test_in_the_working_folder_are_its_reports_alone(place: Path) -> None:
    assert sorted(path.name for path in (place / "work").iterdir()) == ["reports", "sweep.toml"]


def test_its_cache_holds_what_a_sweep_builds_and_nothing_half_made(place: Path) -> None:
    found = {path.name for path in (place / "cache").iterdir()}
    assert (
        {"artifact", "data", "reference"}
        <= found
        <= {"artifact", "data", "reference", "native", "keras", "made-with.json"}
    )
    assert [path.name for path in (place / "cache").glob("*/.*")] == []
