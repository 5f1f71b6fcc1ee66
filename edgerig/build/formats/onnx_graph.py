"""Reading an ONNX graph: its inputs, the constants it holds, and the operators that multiply by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from edgerig.build.formats import converting

MATRIX_OPERATORS = ("MatMul", "Gemm")
NORMALIZATIONS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization")
RECURRENT_OPERATORS = ("LSTM", "GRU", "RNN")
WEIGHT_INPUTS: dict[str, tuple[int, ...]] = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "MatMul": (0, 1),
    "Gemm": (0, 1),
    "Gather": (0,),
    "Einsum": (0, 1),
    "Attention": (1,),
    **dict.fromkeys(RECURRENT_OPERATORS, (1, 2)),
}
"""The inputs of an operator that may be its weights (ONNX operator specification; Attention: ONNX Runtime's)."""


def read(path: Path) -> onnx.ModelProto:
    """Raises BuildError when the file is not an ONNX model."""
    with converting(f"reading {path.name} back"):
        return onnx.load(path)


def opset(model: onnx.ModelProto) -> int:
    """The version of the standard operators (domain "") the graph is written in."""
    return max((int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)


def input_tensors(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The graph's inputs in order, without the initializers that old files list among them."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [tensor for tensor in model.graph.input if tensor.name not in stored]


def held(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The constants of the main graph by name: initializers and what Constant nodes give."""
    return _held(model.graph)


def _held(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                found[node.output[0]] = attribute.t
    return found


def weights_of(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> list[onnx.TensorProto]:
    """The constant float tensors `node` uses as its weights; none where they are quantized or computed."""
    names = [node.input[index] for index in WEIGHT_INPUTS.get(node.op_type, ()) if index < len(node.input)]
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE)
    return [constants[name] for name in names if name in constants and constants[name].data_type in floats]


def has_matrix(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether a matrix product has float32 weights of two axes, (inputs, outputs), for its second operand: the ones
    ONNX Runtime's dynamic and block-wise quantizers take."""
    weight = constants.get(node.input[1])
    return weight is not None and weight.data_type == TensorProto.FLOAT and len(weight.dims) == 2


def float_weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes, also those of loops and branches, whose weights are stored as float32 (or float64)."""
    return list(_float_weighted(model.graph, {}))


def _float_weighted(graph: onnx.GraphProto, around: dict[str, onnx.TensorProto]) -> Iterator[onnx.NodeProto]:
    constants = {**around, **_held(graph)}
    for node in graph.node:
        if weights_of(node, constants):
            yield node
        for inner in branches(node):
            yield from _float_weighted(inner, constants)


def constants(model: onnx.ModelProto) -> dict[str, int]:
    """Bytes of constants by dtype: initializers and Constant nodes, of loops and branches too, without zero points.

    The packed weights of a MatMulNBits node are opaque bytes to ONNX; by the node's `bits` they count as "uint4" or
    "uint8" (unsigned around a zero point of 8 or 128: ONNX Runtime's contrib operators, com.microsoft.MatMulNBits).
    """
    sizes: Counter[str] = Counter()
    for graph in graphs(model.graph):
        sizes.update(_sizes(graph))
    return dict(sizes)


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those of its branches and loops."""
    yield graph
    for node in graph.node:
        for inner in branches(node):
            yield from graphs(inner)


def _sizes(graph: onnx.GraphProto) -> Counter[str]:
    packed = {
        node.input[1]: f"uint{helper.get_attribute_value(attribute)}"
        for node in graph.node
        if node.op_type == "MatMulNBits"
        for attribute in node.attribute
        if attribute.name == "bits"
    }
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zeros = {node.input[2] for node in pairs if len(node.input) > 2}
    sizes: Counter[str] = Counter()
    for name, tensor in _held(graph).items():
        if name in zeros:
            continue
        dtype = packed.get(name) or helper.tensor_dtype_to_np_dtype(tensor.data_type).name
        sizes[dtype] += len(tensor.raw_data) or numpy_helper.to_array(tensor).nbytes
    return sizes


def consumers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Value → the nodes of the main graph that read it."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Value → the node of the main graph that computes it."""
    return {name: node for node in model.graph.node for name in node.output if name}


def names_in(graph: onnx.GraphProto) -> Iterator[str]:
    """Every name of a value in `graph` and the graphs of its nodes' branches, with repetitions."""
    yield from (tensor.name for tensor in (*graph.input, *graph.initializer))
    yield from read_in(graph)
    for node in graph.node:
        yield from node.output
        for inner in branches(node):
            yield from names_in(inner)


def read_in(graph: onnx.GraphProto) -> Iterator[str]:
    """The names of the values that `graph` gives, and that its nodes and their branches read, with repetitions."""
    yield from (output.name for output in graph.output)
    for node in graph.node:
        yield from node.input
        for inner in branches(node):
            yield from read_in(inner)


def branches(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs a control flow operator runs (If, Loop, Scan)."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def outside(model: onnx.ModelProto) -> str:
    """Where a quantizer that passes branches and loops by looked for weights, in words: "" for a graph without them."""
    inner = any(True for node in model.graph.node for _ in branches(node))
    return " outside of its branches and loops" if inner else ""


def drop_unread(graph: onnx.GraphProto) -> None:
    """Takes out the initializers that nothing reads."""
    read = set(read_in(graph))
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
