"""ONNX operators rebuilt in torch compute what ONNX Runtime computes; what cannot be rebuilt is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_nets import Graph, image_net

from edgerig.build.formats.executorch import ExecutorchBuilder
from edgerig.build.routes.onnx_to_torch import OPERATORS, rebuild
from edgerig.build.source import SourceModel, load_source
from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_engines, load_models, load_recipes

pytestmark = pytest.mark.integration

IMAGE, ROWS, WORDS = (1, 4, 6, 6), (1, 5, 8), (1, 7)
RNG = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, dtype=np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CASES: dict[str, tuple[str, tuple[int, ...], list[Any], dict[str, Any]]] = {
    **{
        name: (name, ROWS, [], {})
        for name in (
            *("Abs", "Neg", "Exp", "Erf", "Floor", "Ceil", "Round", "Sin", "Cos", "Sign", "Relu", "Sigmoid", "Tanh"),
            *("Softplus", "Softsign", "HardSwish", "HardSigmoid", "Mish", "Elu", "Selu", "LeakyRelu", "Identity"),
            *("Softmax", "LogSoftmax", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2"),
            *("ReduceSumSquare", "ReduceLogSumExp", "ArgMax", "ArgMin", "Flatten", "GlobalAveragePool"),
        )
    },
    **{name: (name, ROWS, [real(8)], {}) for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Greater", "Less")},
    "Selu of its own": ("Selu", ROWS, [], {"alpha": 1.5, "gamma": 2.0}),
    "PRelu": ("PRelu", IMAGE, [real(4, 1, 1)], {}),
    "Clip": ("Clip", ROWS, [np.float32(-0.5), np.float32(0.7)], {}),
    "Clip6": ("Clip", ROWS, [np.float32(0), np.float32(6)], {}),
    "softmax over an axis": ("Softmax", IMAGE, [], {"axis": 1}),
    "mean of axes": ("ReduceMean", IMAGE, [], {"axes": [2, 3], "keepdims": 0}),
    "sum of axes": ("ReduceSum", IMAGE, [whole(1, -1)], {"keepdims": 1}),
    "Conv": ("Conv", IMAGE, [real(8, 4, 3, 3), real(8)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    "Conv, uneven padding": ("Conv", IMAGE, [real(8, 4, 3, 3)], {"pads": [0, 1, 2, 1], "dilations": [1, 2]}),
    "Conv, SAME_UPPER": ("Conv", IMAGE, [real(8, 4, 4, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 1]}),
    "Conv, SAME_LOWER": ("Conv", IMAGE, [real(8, 4, 4, 3)], {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "Conv of rows": ("Conv", ROWS, [real(6, 5, 3)], {"pads": [1, 1]}),
    "depthwise Conv": ("Conv", IMAGE, [real(4, 1, 3, 3)], {"group": 4}),
    "ConvTranspose": ("ConvTranspose", IMAGE, [real(4, 3, 3, 3), real(3)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "ConvTranspose, uneven": ("ConvTranspose", IMAGE, [real(4, 3, 3, 3)], {"strides": [2, 2], "pads": [0, 1, 1, 0]}),
    "MaxPool": ("MaxPool", IMAGE, [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "MaxPool, uneven": ("MaxPool", IMAGE, [], {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "AveragePool": ("AveragePool", IMAGE, [], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]}),
    "AveragePool, uneven": ("AveragePool", IMAGE, [], {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1]}),
    "GlobalMaxPool": ("GlobalMaxPool", IMAGE, [], {}),
    "InstanceNormalization": ("InstanceNormalization", IMAGE, [real(4), real(4)], {}),
    "LayerNormalization": ("LayerNormalization", ROWS, [real(8), real(8)], {"axis": -1}),
    "Gemm": ("Gemm", (1, 8), [real(6, 8), real(6)], {"transB": 1}),
    "Gemm, scaled": ("Gemm", (1, 8), [real(8, 6), real(1, 6)], {"alpha": 0.5, "beta": 2.0}),
    "MatMul": ("MatMul", ROWS, [real(8, 6)], {}),
    "MatMul of constants in three axes": ("MatMul", ROWS, [real(1, 8, 6)], {}),
    "Reshape": ("Reshape", ROWS, [whole(0, -1, 4)], {}),
    "Squeeze": ("Squeeze", (1, 5, 1), [whole(2)], {}),
    "Unsqueeze": ("Unsqueeze", ROWS, [whole(1, -1)], {}),
    "Transposed": ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 1]}),
    "Slice": ("Slice", IMAGE, [whole(1, -4), whole(4, 1000), whole(1, 3), whole(2, 1)], {}),
    "Slice, backwards": ("Slice", ROWS, [whole(-1), whole(-(2**62)), whole(2), whole(-2)], {}),
    "Slice, backwards to a bound": ("Slice", ROWS, [whole(6), whole(1), whole(2), whole(-1)], {}),
    "Gather": ("Gather", ROWS, [whole(3, -1, 0)], {"axis": 1}),
    "Gather one": ("Gather", ROWS, [np.array(-2, np.int64)], {"axis": 2}),
    "Expand": ("Expand", (1, 1, 8), [whole(1, 5, 8)], {}),
    "Tile": ("Tile", ROWS, [whole(1, 2, 3)], {}),
    "Pad": ("Pad", ROWS, [whole(0, 1, 2, 0, 0, 3), np.float32(1.5)], {}),
    "Pad, mirrored": ("Pad", IMAGE, [whole(0, 0, 1, 2, 0, 0, 2, 1)], {"mode": "reflect"}),
    "Resize, twice": ("Resize", IMAGE, [np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32)],
                      {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    "Resize, linear": ("Resize", IMAGE, [np.zeros(0, np.float32), np.array([1, 1, 1.5, 2], np.float32)],
                       {"mode": "linear"}),
    "DepthToSpace": ("DepthToSpace", IMAGE, [], {"blocksize": 2}),
    "DepthToSpace, CRD": ("DepthToSpace", IMAGE, [], {"blocksize": 2, "mode": "CRD"}),
    "SpaceToDepth": ("SpaceToDepth", IMAGE, [], {"blocksize": 2}),
    "CumSum": ("CumSum", ROWS, [whole(1)], {}),
    "Pow": ("Pow", ROWS, [np.float32(2)], {}),
}  # fmt: skip
"""Name → operator, shape of its input, its constant inputs, its attributes."""


def loaded(path: Path, model: onnx.ModelProto) -> SourceModel:
    onnx.save(model, path)
    (spec,) = load_models(str(path), quantize=True).values()
    return load_source(spec)


def inferred(net: Graph, shape: tuple[int, ...], out: str, dtype: int) -> onnx.ModelProto:
    """The graph as a model, the shape of its output by shape inference."""
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(net.nodes, "net", given, [helper.make_tensor_value_info(out, dtype, None)], net.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", net.opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made)


def computed(source: SourceModel, *inputs: np.ndarray) -> list[np.ndarray]:
    with torch.no_grad():
        found = rebuild(source)(*(torch.from_numpy(array) for array in inputs))
    return [tensor.numpy() for tensor in ([found] if isinstance(found, torch.Tensor) else found)]


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_onnx_runtime_computes(name: str, tmp_path: Path) -> None:
    kind, shape, constants, attributes = CASES[name]
    net = Graph(18 if kind in ("Mish", "Pad", "Split") else 17)
    given = ["x", *(net.constant(value, f"c{index}") for index, value in enumerate(constants))]
    out = net.node(kind, given, ["y"], **attributes)
    dtype = {"ArgMax": TensorProto.INT64, "ArgMin": TensorProto.INT64, "Greater": 9, "Less": 9}.get(kind, 1)
    source = loaded(tmp_path / "net.onnx", inferred(net, shape, out, dtype))
    data = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    (found,), (expected,) = computed(source, data), source.infer([data])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


CUTTING = {
    "ConvTranspose": (IMAGE, [real(4, 3, 3, 3)], {"strides": [2, 2], "pads": [0, 1, 1, 0]}),
    "Pad": (IMAGE, [whole(0, 0, -1, 2, 0, 0, 2, -1)], {}),
}


@pytest.mark.parametrize("kind", CUTTING)
def test_edges_that_are_cut_off_run_in_executorch(kind: str, tmp_path: Path) -> None:
    shape, constants, attributes = CUTTING[kind]
    net = Graph(18)
    given = ["x", *(net.constant(value, f"c{index}") for index, value in enumerate(constants))]
    source = loaded(tmp_path / "net.onnx", inferred(net, shape, net.node(kind, given, ["y"], **attributes), 1))
    built = ExecutorchBuilder(source, {"backend": "xnnpack"}, tmp_path).build(
        load_recipes()["fp32"], None, tmp_path / "net.pte"
    )
    engine = engines.create(load_engines()["executorch"].module, {})
    engine.load(str(built.file), 1)
    data = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    (found,), (expected,) = evaluate(engine, [data]), source.infer([data])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [9, 11, 13, 18])
def test_a_network_of_any_operator_set_is_rebuilt(opset: int, tmp_path: Path) -> None:
    source = loaded(tmp_path / "net.onnx", image_net(opset))
    data = np.random.default_rng(1).standard_normal(source.spec.inputs[0].shape, dtype=np.float32)
    for found, expected in zip(computed(source, data), source.infer([data]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_branches_of_outputs_and_computed_indices_are_rebuilt(tmp_path: Path) -> None:
    net = Graph(17)
    table = net.constant(real(20, 8), "table")
    rows = net.node("Gather", [table, "ids"])
    parts = net.node("Split", [rows], ["left", "right"], axis=2)
    net.node("TopK", [parts, net.constant(whole(2), "two")], ["values", "places"], axis=-1)
    net.node("Cast", ["places"], ["small"], to=TensorProto.INT32)
    outputs = {"values": (1, [1, 7, 2]), "small": (6, [1, 7, 2]), "right": (1, [1, 7, 4])}
    source = loaded(tmp_path / "net.onnx", net.model({"ids": (7, WORDS)}, outputs))
    ids = np.random.default_rng(1).integers(0, 20, WORDS)
    for found, expected in zip(computed(source, ids), source.infer([ids]), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_an_operator_nothing_rebuilds_is_named(tmp_path: Path) -> None:
    assert "NonZero" not in OPERATORS
    net = Graph(17)
    out = net.node("Cast", [net.node("NonZero", ["x"])], ["y"], to=TensorProto.FLOAT)
    source = loaded(tmp_path / "net.onnx", net.model({"x": (1, (1, 4))}, {out: (1, [2, None])}))
    with pytest.raises(UnsupportedRecipe, match="operators NonZero in torch"):
        rebuild(source)
