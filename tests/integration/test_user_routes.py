"""The programs whose lines a study counts do what they are counted for: each makes a file its runtime takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgerig.spec import load_formats
from edgerig.study.routes import Route, load_routes

pytestmark = [pytest.mark.integration, pytest.mark.long]

NETS = {
    "torch": "import torch as _torch\nnet = _torch.nn.Sequential(_torch.nn.Conv2d(3, 4, 3), _torch.nn.ReLU())\n"
    "x = _torch.zeros(1, 3, 8, 8)\n",
    "keras": 'import os\nos.environ["KERAS_BACKEND"] = "tensorflow"\nimport keras as _keras\n'
    "net = _keras.Sequential([_keras.Input((8, 8, 3)), _keras.layers.Conv2D(4, 3, activation='relu')])\n"
    "x = (1, 8, 8, 3)\n",
}
PROGRAMS = [route for route in load_routes() if route.program]


@pytest.mark.parametrize("route", PROGRAMS, ids=[f"{route.source}-{route.format}" for route in PROGRAMS])
def test_the_program_of_a_route_makes_its_file(route: Route, tmp_path: Path) -> None:
    for package in route.needs:
        pytest.importorskip(package)
    out = tmp_path / f"net{load_formats()[route.format].suffix}"
    code = f"{NETS[route.source]}out = {str(out)!r}\n{route.program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    checked = subprocess.run(
        [sys.executable, "-m", "edgerig", "check", str(out)], capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
