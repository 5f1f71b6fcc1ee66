"""Variants of several files: weights an ONNX file keeps outside of itself, in the store, on devices, as a source."""

from __future__ import annotations

from pathlib import Path

import made_up
import numpy as np
import onnx
import posix_device
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgerig.build import onnx_weights
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.onnx_weights import external_files
from edgerig.build.ready import adopt
from edgerig.build.source import load_source
from edgerig.devices.device import CellJob
from edgerig.devices.kinds.local import LocalDevice
from edgerig.errors import BuildError, RunError
from edgerig.measure.error import relative_error
from edgerig.measure.raw import read_raw
from edgerig.results import Artifact
from edgerig.spec import ModelSpec, RunSettings, load_formats, load_models, load_recipes

pytestmark = pytest.mark.integration
CELL = "m-onnx-onnx-as-is@d/t1"


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
        onnx.external_data_helper.set_external_data(weights[-1], location)
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


def run(artifact: Artifact, folder: Path, into: Path) -> np.ndarray:
    data = [np.random.default_rng(1).standard_normal((4, 64), dtype=np.float32)]
    settings = RunSettings(repeats=2, attempts=1, min_runs=5, min_seconds=0, warmup_runs=1)
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        file = folder / artifact.file
        device.execute(CellJob(CELL, artifact, file, data, made_up.PLACEMENT, settings, into, device.probe()))
    return np.asarray(read_raw(into, CELL).outputs[0])


def test_a_ready_file_reaches_a_device_with_those_that_belong_to_it(tmp_path: Path) -> None:
    """Names that would be files of the job's own there, or folders, are others there."""
    path = net(tmp_path / "net.onnx", "first.bin", "input_0.npy", "sub/third.bin")
    staged = tmp_path / "staged"
    staged.mkdir()
    artifact = adopt(ready(path), load_formats()["onnx"], "key", staged)
    assert [file.name for file in artifact.beside] == ["first.bin", "model.onnx.1.data", "model.onnx.2.data"]
    assert artifact.size_bytes == sum(file.stat().st_size for file in staged.iterdir())
    data = np.random.default_rng(1).standard_normal((4, 64), dtype=np.float32)
    weights = [np.frombuffer((path.parent / name).read_bytes(), np.float32) for name in external_files(path)]
    expected = data
    for weight in weights:
        expected = expected @ weight.reshape(64, 64)
    assert relative_error(run(artifact, staged, tmp_path / "raw"), expected) < 1e-5


def test_a_file_beside_it_that_is_another_one_is_noticed_on_the_device(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    artifact = adopt(ready(net(tmp_path / "net.onnx", "w.bin")), load_formats()["onnx"], "key", staged)
    (staged / "w.bin").write_bytes(bytes(64 * 64 * 4))
    with pytest.raises(RunError, match=r"w\.bin has sha256"):
        run(artifact, staged, tmp_path / "raw")


@pytest.mark.parametrize(("locations", "words"), [(("../w.bin",), "outside of its folder"), (("/w.bin",), "outside")])
def test_weights_outside_of_the_folder_are_refused(locations: tuple[str, ...], words: str, tmp_path: Path) -> None:
    path = net(tmp_path / "inner.onnx", "w.bin")
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = locations[0]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BuildError, match=words):
        external_files(path)


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8-dynamic", "int8-static", "int8-weight"])
def test_a_model_too_large_for_one_file_is_built_in_several(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit lowered to what this small one exceeds in float32."""
    monkeypatch.setattr(onnx_weights, "LARGEST", 8_000)
    (spec,) = load_models(str(net(tmp_path / "net.onnx", "a.bin", "b.bin")), quantize=True).values()
    source = load_source(spec)
    data = [np.random.default_rng(2).standard_normal((16, 64), dtype=np.float32)]
    work = tmp_path / "work"
    work.mkdir()
    out = tmp_path / "out" / "model.onnx"
    out.parent.mkdir()
    row = load_recipes()[recipe]
    OnnxBuilder(source, {}, work).build(row, data if row.calibration else None, out)
    assert len(external_files(out)) == 1
    assert {file.name for file in out.parent.iterdir()} == {"model.onnx", *external_files(out)}
    from edgerig.ondevice.engines.onnxruntime import OnnxruntimeEngine
    from edgerig.ondevice.evaluate import evaluate

    engine = OnnxruntimeEngine()
    engine.load(str(out), 1)
    assert relative_error(evaluate(engine, data)[0], source.infer(data)[0]) < 0.05
