"""fp16: weights and activations in 16-bit floats, inputs and outputs in 32."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from edgerig.build.formats.onnx_float import store_constants
from edgerig.build.formats.onnx_graph import graphs, held, producers
from edgerig.build.routes.onnx_loops import rename_in

LARGEST = float(np.finfo(np.float16).max)
SCALING = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Div", "Gemm", "MatMul"})
"""Operators that compute something else by a constant cut to float16's range: a variance of 10^8 becomes 65504. Others
have such constants for masks and bounds, which mean the same when cut; uncut they would be infinite in float16."""


def convert(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The graph in float16, and the operators it keeps in float32, one entry each: those ONNX or its runtimes have in
    float32 only (the converter's block list), and those with constants that float16 cannot hold. `model` is changed."""
    _name_apart(model)
    wide = _beyond_half(model)
    half = convert_float_to_float16(model, keep_io_types=True, node_block_list=list(wide))
    makers = producers(half)
    blocked = [node for node in half.graph.node if node.op_type in DEFAULT_OP_BLOCK_LIST or node.name in wide]
    return half, tuple(node.op_type for node in blocked if any(_cast_up(makers.get(name)) for name in node.input))


def _name_apart(model: onnx.ModelProto) -> None:
    """Gives each constant of a branch or loop a name no other graph's has: the converter knows them by it alone."""
    taken: set[str] = set()
    for number, graph in enumerate(graphs(model.graph)):
        own = {tensor.name for tensor in graph.initializer}
        rename_in(graph, {name: f"{name}/{number}" for name in own & taken})
        taken |= own


def _beyond_half(model: onnx.ModelProto) -> set[str]:
    """The names of the nodes that scale by a finite constant beyond float16's range, given to those that had none.

    Such constants become initializers, which the converter leaves in float32 for a node it leaves there; one that a
    Constant node gives it cuts all the same.
    """
    constants = held(model)
    found, large = set(), set()
    for index, node in enumerate(model.graph.node):
        own = {name for name in node.input if name in constants and _exceeds(constants[name])}
        if node.op_type in SCALING and own:
            node.name = node.name or f"{node.op_type}_{index}_{node.output[0]}"
            found.add(node.name)
            large |= own
    store_constants(model, large)
    return found


def _exceeds(tensor: onnx.TensorProto) -> bool:
    if tensor.data_type != TensorProto.FLOAT:
        return False
    values = np.abs(numpy_helper.to_array(tensor))
    return bool((np.isfinite(values) & (values > LARGEST)).any())


def _cast_up(node: onnx.NodeProto | None) -> bool:
    return node is not None and node.op_type == "Cast" and any(a.i == TensorProto.FLOAT for a in node.attribute)
