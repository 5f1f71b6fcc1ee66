"""What a device is told to run, and what it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made_up
import pytest

from edgerig.devices.deploy import job_of
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.errors import RunError
from edgerig.results import Artifact
from edgerig.spec import RunSettings

TRANSPORT: Any = None
"""A job is made without it."""
BEFORE: Any = None


def job(artifact: Artifact, folder: Path) -> CellJob:
    return CellJob("cell", artifact, folder, [], made_up.PLACEMENT, RunSettings(), folder, BEFORE)


def test_a_device_whose_python_lacks_the_framework_is_told_what_to_install(tmp_path: Path) -> None:
    eager = made_up.artifact(tmp_path / "model.pt2", "onnx").model_copy(update={"engine": "torch_eager"})
    bare = PosixDevice(TRANSPORT, "/work", ("python3", "-I"), None, modules=frozenset({"numpy", "onnxruntime"}))
    with pytest.raises(RunError, match="cell: python3 on the device has no torch, which PyTorch is") as refused:
        job_of(bare, job(eager, tmp_path))
    assert refused.value.hint == "on the device: python3 -m pip install torch"
    whole = PosixDevice(TRANSPORT, "/work", ("python3", "-I"), None, modules=frozenset({"numpy", "torch"}))
    assert job_of(whole, job(eager, tmp_path)).engine.endswith(":TorchEagerEngine")
