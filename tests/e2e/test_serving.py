"""A model served by TorchServe in a sweep: what stands of it in the results and in the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig

pytestmark = [pytest.mark.e2e, pytest.mark.needs("openjdk-17-jre-headless")]
CELL = "digits_cnn-torch-torchscript-fp32@ts/t1"
DEVICE = 'kind = "serving"\nserver = "torchserve"\nwarmup_seconds = 0.5\nload_requests = 100\nload_seconds = 2.0\n'
SWEEP = """
models = ["digits_cnn"]
formats = ["torchscript", "tflite"]
recipes = ["fp32"]
devices = ["ts"]
"""


def test_torchserve_serves_digits_cnn(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "ts.toml").write_text(DEVICE)
    (tmp_path / "sweep.toml").write_text(SWEEP + QUICK)
    ended = Edgerig(tmp_path)("sweep", "sweep.toml")
    assert ended.code == 0, ended.err
    cell, other = ended.cells[CELL], ended.cells[CELL.replace("torchscript", "tflite")]
    assert (other["status"], other["error"]["message"]) == (
        "unsupported",
        "torchserve is given torchscript or onnx here, not tflite",
    )
    assert cell["accuracy"]["value"] == pytest.approx(0.994, abs=0.002)
    assert cell["engine"]["runtime"] == "PyTorch in TorchServe 0.12.0"
    served = cell["served"]
    assert served["timed"] == "server"
    assert 0 < cell["latency"]["p50_ms"] < served["round_trip_p50_ms"]
    assert [load["concurrency"] for load in served["loads"]] == [1, 2, 4, 8]
    assert all(load["failed"] == 0 and load["per_second"] > 0 for load in served["loads"])
    assert cell["runtime_import_ms"] is not None
    report = (ended.run / "report.md").read_text()
    assert "round trip p50" in report
    assert "answers a second" in report
