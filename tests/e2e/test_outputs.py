"""What a file's outputs are held to, from the command line to the results: each output by itself, integers exact, a
file that keeps state from its beginning, a float file beyond what calibration has seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from e2e.commands import QUICK, Edgerig, Ended
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.e2e
RNG = np.random.default_rng(0)


def graph(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, list[int]]],
    outputs: Sequence[tuple[str, int, list[int]]],
    constants: Sequence[onnx.TensorProto] = (),
) -> None:
    """An ONNX file of opset 17; tensors as (name, dtype, shape), constants as (name, array)."""
    values = [[helper.make_tensor_value_info(*tensor) for tensor in tensors] for tensors in (inputs, outputs)]
    held = [numpy_helper.from_array(array, name) for name, array in constants]
    model = helper.make_model(
        helper.make_graph(nodes, "g", *values, held), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def sweep(edgerig: Edgerig, *arguments: str) -> tuple[Ended, dict[str, Any]]:
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *arguments, "--out", str(edgerig.folder / "reports"))
    return done, {cell["id"].split("@")[0]: cell for cell in done.results["cells"]}


def test_a_small_output_lost_beside_a_large_one_is_named(edgerig: Edgerig) -> None:
    """Boxes of hundreds and scores below one out of one matrix product: 8 bits over both leave the scores few steps."""
    weight = np.concatenate([200 * RNG.standard_normal((16, 8)), 4 * RNG.standard_normal((16, 3))], axis=1)
    graph(
        edgerig.folder / "heads.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["both"]),
            helper.make_node("Split", ["both", "sizes"], ["boxes", "scores"], axis=1),
        ],
        [("x", TensorProto.FLOAT, [1, 16])],
        [("boxes", TensorProto.FLOAT, [1, 8]), ("scores", TensorProto.FLOAT, [1, 3])],
        [("w", weight.astype(np.float32)), ("sizes", np.array([8, 3]))],
    )
    samples = RNG.standard_normal((300, 16)).astype(np.float32)
    np.savez(edgerig.folder / "data.npz", inputs=samples[:200], calibration=samples[200:], labels=np.zeros(200, int))
    chosen = ("--format", "onnx", "--recipe", "fp32", "--recipe", "int8-static")
    done, cells = sweep(edgerig, "--model", "heads.onnx", "--dataset", "data.npz", *chosen)
    assert done.code == 0, done.err
    parity = cells["heads-onnx-onnx-int8-static"]["parity"]
    errors = {output["name"]: output["relative_error"] for output in parity["outputs"]}
    assert errors["boxes"] < 0.05 < 0.2 < errors["scores"]
    assert (parity["worst"], parity["relative_error"]) == ("scores", errors["scores"])
    assert parity["agreement"] == min(output["agreement"] for output in parity["outputs"]) < 0.95


def test_an_integer_beyond_float32_stays_itself(edgerig: Edgerig) -> None:
    """The network scores class 0 when its id is 16,777,217, which float32 would make 16,777,216."""
    graph(
        edgerig.folder / "ids.onnx",
        [
            helper.make_node("Sub", ["ids", "base"], ["off"]),
            helper.make_node("Cast", ["off"], ["one"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["unit", "one"], ["other"]),
            helper.make_node("Concat", ["one", "other"], ["y"], axis=1),
            helper.make_node("Identity", ["ids"], ["same"]),
        ],
        [("ids", TensorProto.INT64, [1, 1])],
        [("y", TensorProto.FLOAT, [1, 2]), ("same", TensorProto.INT64, [1, 1])],
        [("base", np.array([16_777_216])), ("unit", np.ones((1, 1), np.float32))],
    )
    np.savez(edgerig.folder / "ids.npz", inputs=np.full((4, 1), 16_777_217), labels=np.zeros(4, int))
    done, cells = sweep(edgerig, "--model", "ids.onnx", "--dataset", "ids.npz")
    assert done.code == 0, done.err
    raw = done.run / cells["ids-onnx-onnx-as-is"]["raw"]
    assert np.load(raw / "output_1.npy").ravel().tolist() == [16_777_217] * 4
    assert np.load(raw / "output_0.npy")[:, 0].tolist() == [1.0] * 4


def test_which_integers_were_drawn_is_told(edgerig: Edgerig) -> None:
    graph(
        edgerig.folder / "ids.onnx",
        [helper.make_node("Cast", ["ids"], ["y"], to=TensorProto.FLOAT)],
        [("ids", TensorProto.INT32, [1, 4])],
        [("y", TensorProto.FLOAT, [1, 4])],
    )
    done, cells = sweep(edgerig, "--model", "ids.onnx")
    assert done.code == 0, done.err
    assert cells["ids-onnx-onnx-as-is"]["status"] == "ok"
    assert "random inputs, seed 0; ids 0 to 1:" in done.results["models"]["ids-onnx"]["dataset"]


def test_a_file_that_keeps_state_is_evaluated_from_its_beginning(edgerig: Edgerig) -> None:
    """It adds up what it is given: the class of a sample depends on all before it, and on nothing timed before."""
    import tensorflow as tf

    class Sum(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.total = tf.Variable(tf.zeros((1, 2)))

        def call(self, x: Any) -> Any:
            return self.total.assign_add(x)

    network = Sum()
    called = tf.function(network.call, input_signature=[tf.TensorSpec((1, 2), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([called.get_concrete_function()], network)
    converter.experimental_enable_resource_variables = True
    (edgerig.folder / "sum.tflite").write_bytes(converter.convert())
    steps = RNG.uniform(0, 1, (60, 2)).astype(np.float32)
    np.savez(edgerig.folder / "steps.npz", inputs=steps, labels=np.cumsum(steps, axis=0).argmax(axis=1))
    done, cells = sweep(edgerig, "--model", "sum.tflite", "--dataset", "steps.npz")
    assert done.code == 0, done.err
    cell = cells["sum-tflite-tflite-as-is"]
    assert cell["accuracy"]["value"] == 1.0
    assert cell["engine"]["state"] == ["1 variable of the graph"]


def test_outliers_late_in_the_data_accuse_no_device(edgerig: Edgerig) -> None:
    """What lies beyond the calibrated range a quantized file clips wherever it runs: it is said of the data."""
    weight = RNG.standard_normal((16, 4)).astype(np.float32)
    graph(
        edgerig.folder / "net.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, [1, 16])],
        [("y", TensorProto.FLOAT, [1, 4])],
        [("w", weight)],
    )
    samples = RNG.standard_normal((120, 16)).astype(np.float32)
    samples[40:80] *= 30
    np.savez(edgerig.folder / "data.npz", inputs=samples[:80], calibration=samples[80:], labels=np.zeros(80, int))
    done, cells = sweep(
        edgerig, "--model", "net.onnx", "--dataset", "data.npz", "--format", "onnx", "--recipe", "int8-static"
    )
    assert done.code == 0, done.err
    cell = cells["net-onnx-onnx-int8-static"]
    assert cell["verdict"]["label"] != "wrong"
    assert cell["verdict"]["evidence"]["host_relative_error"] == 0.0
    assert cell["parity"]["relative_error"] > 0.5
    assert 0.45 <= cell["coverage"]["outside"] <= 0.55
