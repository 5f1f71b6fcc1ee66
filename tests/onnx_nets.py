"""Small ONNX graphs of any operator set, as people have them: the operators whose form changed between the sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 8
CLASSES = 4
CHANNELS = 6


class Graph:
    """Collects nodes and constants; `old` lists the constants among the inputs, as files before IR version 4 do."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | np.generic, name: str) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str] = (), **attributes: object) -> str:
        made = list(outputs) or [f"{kind}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, list(inputs), made, **attributes))
        return made[0]

    def model(
        self,
        inputs: Mapping[str, tuple[int, Sequence[int]]],
        outputs: Mapping[str, tuple[int, Sequence[int]]],
        *,
        old: bool = False,
    ) -> onnx.ModelProto:
        given = [helper.make_tensor_value_info(name, *tensor) for name, tensor in inputs.items()]
        if old:
            given += [helper.make_tensor_value_info(c.name, c.data_type, list(c.dims)) for c in self.constants]
        graph = helper.make_graph(
            self.nodes,
            "net",
            given,
            [helper.make_tensor_value_info(name, *tensor) for name, tensor in outputs.items()],
            self.constants,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        made.ir_version = 3 if old else 8 if self.opset < 21 else 10
        onnx.checker.check_model(made)
        return made


def image_net(opset: int) -> onnx.ModelProto:
    """Convolution, batch norm, clip, enlargement, padding, pooling, drop-out, Gemm and softmax, as `opset` writes them;
    image (1, 3, SIDE, SIDE) float32 → scores (1, CLASSES) float32."""
    rng = np.random.default_rng(0)
    net = Graph(opset)

    def floats(name: str, *shape: int, scale: float = 0.3, offset: float = 0.0) -> str:
        return net.constant((offset + scale * rng.standard_normal(shape)).astype(np.float32), name)

    value = net.node("Conv", ["image", floats("w1", CHANNELS, 3, 3, 3)], pads=[1, 1, 1, 1])
    norm = [floats(n, CHANNELS, offset=1.0 if n == "gamma" else 0.0, scale=0.1) for n in ("gamma", "beta", "mean")]
    spread = net.constant(np.linspace(0.5, 2, CHANNELS).astype(np.float32), "variance")
    value = net.node("BatchNormalization", [value, *norm, spread])
    if opset < 11:
        value = net.node("Clip", [value], min=0.0, max=6.0)
    else:
        bounds = [net.constant(np.float32(bound), f"bound{bound}") for bound in (0, 6)]
        value = net.node("Clip", [value, *bounds])
    scales = net.constant(np.array([1, 1, 2, 2], np.float32), "scales")
    if opset < 9:
        net.constants.pop()
        value = net.node("Upsample", [value], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])
    elif opset < 10:
        value = net.node("Upsample", [value, scales], mode="nearest")
    elif opset == 10:
        value = net.node("Resize", [value, scales], mode="nearest")
    else:
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        roi = net.constant(np.zeros(0, np.float32), "roi")
        value = net.node("Resize", [value, roi, scales], mode="nearest", **how)
    if opset < 11:
        value = net.node("Pad", [value], pads=[0, 0, 1, 1, 0, 0, 1, 1])
    else:
        pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads")
        value = net.node("Pad", [value, pads])
    value = net.node("Conv", [value, floats("w2", CHANNELS, CHANNELS, 3, 3), floats("b2", CHANNELS)], strides=[2, 2])
    value = net.node("LeakyRelu", [value], alpha=0.1)
    value = net.node("Dropout", [value])
    value = net.node("GlobalAveragePool", [value])
    value = net.node("Flatten", [value])
    value = net.node("Gemm", [value, floats("w3", CHANNELS, CLASSES, scale=3.0), floats("b3", CLASSES)])
    net.node("Softmax", [value], ["scores"], axis=1)
    image = {"image": (TensorProto.FLOAT, (1, 3, SIDE, SIDE))}
    return net.model(image, {"scores": (TensorProto.FLOAT, (1, CLASSES))}, old=opset < 9)


FLOAT, INT64, BOOL, DOUBLE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.DOUBLE
VECTOR = {"x": (FLOAT, (1, 8))}
SEQUENCE = {"x": (FLOAT, (1, 6, 8))}
PICTURE = {"x": (FLOAT, (1, 6, 6, 6))}
HIDDEN = 16


class Net(Graph):
    """A `Graph` of opset 17 whose weights are normal numbers of a seed of its own."""

    def __init__(self) -> None:
        super().__init__(17)
        self._rng = np.random.default_rng(5)

    def weights(self, *shape: int, scale: float = 0.4) -> str:
        value = (scale * self._rng.standard_normal(shape)).astype(np.float32)
        return self.constant(value, f"weights_{len(self.constants)}")

    def numbers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64), f"numbers_{len(self.constants)}")


def masked_attention(mask: float, how: str) -> onnx.ModelProto:
    """Scores masked by a constant that is added, or chosen by Where, or scaled from a bool input."""
    net = Net()
    query = net.node("MatMul", ["x", net.weights(8, 8, scale=1)])
    scores = net.node("MatMul", [query, net.node("Transpose", ["x"], perm=[0, 2, 1])])
    hidden = np.triu(np.ones((1, 6, 6), bool), 1)
    inputs = dict(SEQUENCE)
    value = net.constant(np.float32(mask), "value")
    if how == "where":
        scores = net.node("Where", [net.constant(hidden, "hidden"), value, scores])
    elif how == "input":
        inputs["hidden"] = (BOOL, (1, 6, 6))
        scores = net.node("Add", [scores, net.node("Mul", [net.node("Cast", ["hidden"], to=FLOAT), value])])
    else:
        constant = net.constant(np.where(hidden, np.float32(mask), np.float32(0)), "mask")
        scores = net.node("Add", [scores, constant])
    seen = net.node("MatMul", [net.node("Softmax", [scores], axis=-1), "x"])
    net.node("MatMul", [seen, net.weights(8, 4)], ["y"])
    return net.model(inputs, {"y": (FLOAT, (1, 6, 4))})


def tied_embedding() -> onnx.ModelProto:
    """The same table looks up and scores."""
    net = Net()
    table = net.weights(50, 8)
    hidden = net.node("MatMul", [net.node("Gather", [table, "ids"]), net.weights(8, 8)])
    net.node("MatMul", [hidden, net.node("Transpose", [table], perm=[1, 0])], ["y"])
    return net.model({"ids": (INT64, (1, 5))}, {"y": (FLOAT, (1, 5, 50))})


def large_embedding() -> onnx.ModelProto:
    net = Net()
    hidden = net.node("ReduceMean", [net.node("Gather", [net.weights(2100, 8), "ids"])], axes=[1], keepdims=0)
    net.node("MatMul", [hidden, net.weights(8, 4)], ["y"])
    return net.model({"ids": (INT64, (1, 5))}, {"y": (FLOAT, (1, 4))})


def odd_products() -> onnx.ModelProto:
    """A constant for the first operand, one of three axes, Gemms with factors, one number a bias, a computed bias."""
    net = Net()
    hidden = net.node("MatMul", [net.weights(6, 6), "x"])
    hidden = net.node("MatMul", [hidden, net.weights(1, 8, 8)])
    hidden = net.node("Reshape", [hidden, net.numbers(6, 8)])
    hidden = net.node("Gemm", [hidden, net.weights(8, 8), net.weights(1)], alpha=0.5, beta=2.0)
    hidden = net.node("Gemm", [hidden, net.weights(8, 8), net.constant(np.float32(0.3), "scalar")], transB=1)
    hidden = net.node("Gemm", [hidden, net.weights(8, 8), net.node("Relu", [hidden])])
    hidden = net.node("Gemm", [hidden, net.weights(8, 4), net.weights(1, 4)], beta=0.5)
    net.node("Reshape", [hidden, net.numbers(1, 6, 4)], ["y"])
    return net.model(SEQUENCE, {"y": (FLOAT, (1, 6, 4))})


def shared_weights() -> onnx.ModelProto:
    net = Net()
    weights, bias = net.weights(6, 6, 3, 3, scale=0.2), net.weights(6)
    hidden = net.node("Relu", [net.node("Conv", ["x", weights, bias], pads=[1] * 4)])
    net.node("Flatten", [net.node("GlobalAveragePool", [net.node("Conv", [hidden, weights, bias])])], ["y"])
    return net.model(PICTURE, {"y": (FLOAT, (1, 6))})


def numbered_convolutions() -> onnx.ModelProto:
    """Convolutions that share a bias and are called what it is and a number, as tf2onnx calls them; each is read by an
    operator that is not quantized."""
    net = Net()
    bias, hidden = net.constant(np.linspace(-1, 1, 6, dtype=np.float32), "conv"), "x"
    for number in range(3):
        weights = net.weights(6, 6, 3, 3, scale=0.2)
        hidden = net.node("Neg", [net.node("Conv", [hidden, weights, bias], [f"conv{number}"], pads=[1] * 4)])
    net.node("Flatten", [net.node("GlobalAveragePool", [hidden])], ["y"])
    return net.model(PICTURE, {"y": (FLOAT, (1, 6))})


def transposed_convolutions() -> onnx.ModelProto:
    net = Net()
    hidden = net.node("Relu", [net.node("ConvTranspose", ["x", net.weights(6, 4, 3, 3), net.weights(4)])])
    hidden = net.node("ConvTranspose", [hidden, net.weights(4, 3, 3, 3), net.weights(6)], group=2, strides=[2, 2])
    net.node("Conv", [hidden, net.weights(4, 6, 1, 1)], ["y"])
    return net.model(PICTURE, {"y": (FLOAT, (1, 4, 17, 17))})


def norms() -> onnx.ModelProto:
    """A batch norm that nothing before it can take in, with channels of very different size, and a layer norm."""
    net = Net()
    spread = net.constant(np.logspace(-2, 1, 6).astype(np.float32), "spread")
    ones = net.constant(np.ones(6, np.float32), "ones")
    hidden = net.node("Relu", [net.node("BatchNormalization", ["x", spread, net.weights(6), net.weights(6), ones])])
    hidden = net.node("Flatten", [net.node("GlobalAveragePool", [net.node("Conv", [hidden, net.weights(6, 6, 3, 3)])])])
    hidden = net.node("LayerNormalization", [hidden, ones, net.weights(6)], axis=-1)
    net.node("MatMul", [hidden, net.weights(6, 4)], ["y"])
    return net.model(PICTURE, {"y": (FLOAT, (1, 4))})


def recurrent() -> onnx.ModelProto:
    net = Net()

    def cell(kind: str, value: str, gates: int, size: int, directions: int, given: list[str], **how: str) -> str:
        rows = gates * HIDDEN
        weights = [net.weights(directions, rows, width, scale=0.2) for width in (size, HIDDEN)]
        return net.node(kind, [value, *weights], given, hidden_size=HIDDEN, **how)

    steps = net.node("Transpose", ["x"], perm=[1, 0, 2])
    both = cell("LSTM", steps, 4, 8, 2, ["both"], direction="bidirectional")
    both = net.node("Reshape", [net.node("Transpose", [both], perm=[0, 2, 1, 3]), net.numbers(6, 1, 2 * HIDDEN)])
    cell("GRU", both, 3, 2 * HIDDEN, 1, ["gated", "last"])
    last = net.node("Reshape", ["last", net.numbers(1, HIDDEN)])
    net.node("MatMul", [last, net.weights(HIDDEN, 4)], ["y"])
    return net.model(SEQUENCE, {"y": (FLOAT, (1, 4))})


def boxes_and_scores() -> onnx.ModelProto:
    """One product for boxes in the thousands and scores of a few ones, taken apart behind it."""
    net = Net()
    rng = np.random.default_rng(6)
    weights = np.concatenate([1000 * rng.standard_normal((8, 4)), rng.standard_normal((8, 4))], axis=1)
    whole = net.node("MatMul", ["x", net.constant(weights.astype(np.float32), "head")])
    net.node("Slice", [whole, net.numbers(0), net.numbers(4), net.numbers(1)], ["boxes"])
    scores = net.node("Slice", [whole, net.numbers(4), net.numbers(8), net.numbers(1)])
    net.node("Softmax", [scores], ["scores"], axis=1)
    return net.model(VECTOR, {"boxes": (FLOAT, (1, 4)), "scores": (FLOAT, (1, 4))})


def inner_output() -> onnx.ModelProto:
    """An output that a Relu reads, one that is an input, one that is a constant, indices and a bool."""
    net = Net()
    net.node("MatMul", ["x", net.weights(8, 6)], ["features"])
    net.node("MatMul", [net.node("Relu", ["features"]), net.weights(6, 4)], ["y"])
    net.node("ArgMax", ["y"], ["best"], axis=1)
    net.node("Greater", ["y", net.constant(np.float32(0), "zero")], ["above"])
    constant = net.weights(1, 3)
    outputs = {"y": (FLOAT, (1, 4)), "features": (FLOAT, (1, 6)), "x": (FLOAT, (1, 8)), constant: (FLOAT, (1, 3))}
    return net.model(VECTOR, {**outputs, "best": (INT64, (1, 1)), "above": (BOOL, (1, 4))})


def dead_channels() -> onnx.ModelProto:
    """Filters of zeros and of 1e-9 with large biases."""
    net = Net()
    rng = np.random.default_rng(7)
    filters = rng.standard_normal((6, 6, 3, 3)) * np.array([1, 1, 0, 1, 1e-9, 1])[:, None, None, None]
    bias = net.constant(np.array([0, 1, 5, 0, -3, 1], np.float32), "bias")
    hidden = net.node("Relu", [net.node("Conv", ["x", net.constant(filters.astype(np.float32), "filters"), bias])])
    hidden = net.node("Flatten", [net.node("GlobalAveragePool", [hidden])])
    net.node("Gemm", [hidden, net.weights(6, 4), net.weights(4, scale=10)], ["y"])
    return net.model(PICTURE, {"y": (FLOAT, (1, 4))})


def infinite_values() -> onnx.ModelProto:
    """The logarithm of zero, taken back."""
    net = Net()
    hidden = net.node("Relu", [net.node("MatMul", ["x", net.weights(8, 8)])])
    net.node("MatMul", [net.node("Exp", [net.node("Log", [hidden])]), net.weights(8, 4)], ["y"])
    return net.model(VECTOR, {"y": (FLOAT, (1, 4))})


def branches() -> onnx.ModelProto:
    """An If whose branches read a value and a constant of the graph around them."""
    net = Net()
    hidden, plus = net.node("MatMul", ["x", net.weights(8, 4)]), net.weights(1, 4)
    condition = net.node("Greater", [net.node("ReduceSum", [hidden], keepdims=0), net.constant(np.float32(0), "zero")])

    def branch(name: str, kind: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(name, FLOAT, (1, 4))
        return helper.make_graph([helper.make_node(kind, [hidden, plus], [name])], name, [], [out])

    net.node("If", [condition], ["y"], then_branch=branch("sum", "Add"), else_branch=branch("difference", "Sub"))
    return net.model(VECTOR, {"y": (FLOAT, (1, 4))})


def other_kinds() -> onnx.ModelProto:
    """Constant nodes, float64, three-dimensional convolution, Einsum, activations without integer kernels."""
    net = Net()
    value = numpy_helper.from_array(np.random.default_rng(8).standard_normal((6, 8)))
    first = net.node("Cast", [net.node("MatMul", [net.node("Constant", [], value=value), "wide"])], to=FLOAT)
    hidden = net.node("Reshape", [first, net.numbers(1, 1, 4, 3, 4)])
    hidden = net.node("HardSwish", [net.node("Conv", [hidden, net.weights(3, 1, 2, 2, 2)])])
    hidden = net.node(
        "Elu", [net.node("PRelu", [hidden, net.constant(np.full((3, 1, 1, 1), 0.2, np.float32), "slope")])]
    )
    hidden = net.node("Flatten", [net.node("GlobalAveragePool", [hidden])])
    net.node("Einsum", [hidden, net.weights(3, 2, 2)], ["y"], equation="bi,ijk->bjk")
    return net.model({"wide": (DOUBLE, (1, 8, 8))}, {"y": (FLOAT, (1, 2, 2))})
