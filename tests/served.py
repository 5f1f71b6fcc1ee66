"""A small ONNX network as a built variant, and a job that serves it: y = x·w, 8 numbers each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import made_up
import numpy as np

from edgerig.devices.device import CellJob
from edgerig.results import Artifact, DeviceRecord, TensorRecord
from edgerig.spec import RunSettings

CELL = "m-onnx-onnx-as-is@d/t1"
X = np.random.default_rng(1).standard_normal((4, 8), dtype=np.float32)
W = np.random.default_rng(0).standard_normal((8, 8), dtype=np.float32)
TENSORS = (TensorRecord(name="x", shape=(1, 8), dtype="float32"), TensorRecord(name="y", shape=(1, 8), dtype="float32"))


def write_net(path: Path) -> Path:
    from onnx import TensorProto, helper, numpy_helper

    given, got = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in ("x", "y"))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "net", [given], [got], [numpy_helper.from_array(W, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def job(file: Path, into: Path, *, cell: str = CELL, min_seconds: float = 0.0) -> CellJob:
    """Over `X`, timed for 20 requests and more; `file` need not be there where nobody is to load it."""
    content = file.read_bytes() if file.exists() else b""
    artifact = Artifact(
        key="k",
        file=file.name,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        format="onnx",
        recipe="as-is",
        engine="onnxruntime",
        layout="any",
        inputs=TENSORS[:1],
        outputs=TENSORS[1:],
        constants={},
        check=None,
    )
    settings = RunSettings(repeats=1, attempts=1, min_runs=20, min_seconds=min_seconds, warmup_runs=2)
    before = DeviceRecord(kind="serving", emulated=False)
    return CellJob(cell, artifact, file, [X], made_up.PLACEMENT, settings, into, before)
