"""A variant of several files, and its job on a device: weights that an ONNX file keeps outside of itself."""

from __future__ import annotations

from pathlib import Path

import made_up
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from edgerig.build.onnx_weights import external_files
from edgerig.build.ready import adopt
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.measure.error import relative_error
from edgerig.measure.raw import read_raw
from edgerig.results import Artifact
from edgerig.spec import ModelSpec, RunSettings, load_formats, load_models

CELL = "m-onnx-onnx-as-is@d/t1"
NAMES = ("first.bin", "input_0.npy", "sub/third.bin")
"""Of which the second would be a file of the job's own on a device, and the third a folder."""


def net(path: Path, *locations: str) -> Path:
    """A network of matrix products, the weights of each in the file of that name beside it."""
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for index, location in enumerate(locations):
        value = rng.standard_normal((64, 64), dtype=np.float32) / 8
        weights.append(numpy_helper.from_array(value, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{index}"], [f"y{index}"]))
        last = f"y{index}"
        (path.parent / location).parent.mkdir(exist_ok=True, parents=True)
        (path.parent / location).write_bytes(weights[-1].raw_data)
        external_data_helper.set_external_data(weights[-1], location)
        weights[-1].ClearField("raw_data")
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", last)]
    graph = helper.make_graph(nodes, "net", tensors[:1], tensors[1:], weights)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    )
    return path


def ready(path: Path) -> ModelSpec:
    (spec,) = load_models(str(path)).values()
    return spec


def run(device: PosixDevice, artifact: Artifact, folder: Path, into: Path) -> NDArray[np.float32]:
    """Four samples through the artifact's files in `folder`, on the device."""
    data = [_samples()]
    settings = RunSettings(repeats=2, attempts=1, min_runs=5, min_seconds=0, warmup_runs=1)
    file = folder / artifact.file
    device.execute(CellJob(CELL, artifact, file, data, made_up.PLACEMENT, settings, into, device.probe()))
    return np.asarray(read_raw(into, CELL).outputs[0])


def error_on(device: PosixDevice, folder: Path) -> float:
    """The relative error of a network of three files beside its own, from a device."""
    path = net(folder / "net.onnx", *NAMES)
    staged = folder / "staged"
    staged.mkdir()
    artifact = adopt(ready(path), load_formats()["onnx"], "key", staged)
    assert [file.name for file in artifact.beside] == ["first.bin", "model.onnx.1.data", "model.onnx.2.data"]
    assert artifact.size_bytes == sum(file.stat().st_size for file in staged.iterdir())
    expected = _samples()
    for name in external_files(path):
        expected = expected @ np.frombuffer((path.parent / name).read_bytes(), np.float32).reshape(64, 64)
    return relative_error(run(device, artifact, staged, folder / "raw"), expected)


def _samples() -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((4, 64), dtype=np.float32)
