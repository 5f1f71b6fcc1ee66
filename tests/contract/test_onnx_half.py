"""fp16 of ONNX graphs whose factors float16 does not hold."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgerig.build.formats.onnx_half import convert

pytestmark = pytest.mark.contract

X = np.random.default_rng(0).standard_normal((4, 8), dtype=np.float32)


def model(nodes: list[onnx.NodeProto], constants: dict[str, float]) -> onnx.ModelProto:
    """x (4, 8) to y."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 8]) for name in "xy"]
    stored = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(made: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found


@pytest.mark.parametrize("factor", [1e5, -2e6])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_factor_beyond_float16_scales_what_it_did(factor: float, reverse: bool) -> None:
    names = ["factor", "x"] if reverse else ["x", "factor"]
    half, _ = convert(model([helper.make_node("Mul", names, ["y"])], {"factor": factor}))
    np.testing.assert_allclose(run(half, X), X * np.float32(factor), rtol=2e-3)


def test_so_it_does_between_others() -> None:
    nodes = [
        helper.make_node("Tanh", ["x"], ["a"]),
        helper.make_node("Mul", ["a", "small"], ["b"]),
        helper.make_node("Mul", ["b", "factor"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    constants = {"small": 1e-4, "factor": 1e5}
    half, kept = convert(model(nodes, constants))
    assert kept == ("Mul",)
    expected = 1 / (1 + np.exp(-np.tanh(X) * 10))
    np.testing.assert_allclose(run(half, X), expected, atol=5e-3)


@pytest.mark.parametrize("large", [-1e9, -float(np.finfo(np.float32).max)])
def test_a_mask_stays_finite(large: float) -> None:
    """(1 - x) * large, added to scores: of any size that is large enough."""
    nodes = [
        helper.make_node("Mul", ["x", "large"], ["mask"]),
        helper.make_node("Softmax", ["mask"], ["y"], axis=-1),
    ]
    half, kept = convert(model(nodes, {"large": large}))
    assert kept == ()
    found = run(half, np.ones((4, 8), np.float32))
    np.testing.assert_allclose(found, 1 / 8, rtol=1e-3)
