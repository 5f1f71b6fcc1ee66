"""fp16: weights and activations in 16-bit floats, inputs and outputs in 32."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from edgerig.build.formats.onnx_float import store_constants
from edgerig.build.formats.onnx_graph import graphs, held, input_tensors, producers, read_in
from edgerig.build.formats.onnx_spectrum import with_levels
from edgerig.build.routes.onnx_loops import rename_in

LARGEST = float(np.finfo(np.float16).max)
UP, DOWN = "_cast_to_fp32", "_cast_to_fp16"
"""What the converter calls the value an operator in float32 reads, and the one it gives."""
SCALING = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Div", "Gemm", "MatMul"})
"""Operators that compute something else by a constant cut to float16's range: a variance of 10^8 becomes 65504. Others
have such constants for masks and bounds, which mean the same when cut; uncut they would be infinite in float16."""
FACTOR_OR_MASK = "Mul"
"""By a constant it scales, or, of a mask of 0 and 1, makes what others add: of the large numbers written for that (1e9,
the largest of float32) the size does not matter."""
MASK = 1e9


def convert(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The graph in float16, and the operators it keeps in float32, one entry each: those ONNX or its runtimes have in
    float32 only (the converter's block list), and those with values that float16 cannot hold. `model` is changed."""
    _name_apart(model)
    wide = _beyond_half(model)
    half = convert_float_to_float16(model, keep_io_types=True, node_block_list=list(wide))
    if wide:
        _cast_once(half)
    makers = producers(half)
    blocked = [node for node in half.graph.node if node.op_type in DEFAULT_OP_BLOCK_LIST or node.name in wide]
    return half, tuple(node.op_type for node in blocked if any(_cast_up(makers.get(name)) for name in node.input))


def _cast_once(half: onnx.ModelProto) -> None:
    """Takes out casts the converter makes too many of: one for each operator in float32 that reads a value, all of one
    name, and to float16 and back between two such operators, an input and one, or one and an output."""
    seen: set[str] = set()
    for node in list(half.graph.node):
        if node.op_type == "Cast" and node.output[0] in seen:
            half.graph.node.remove(node)
        seen.update(node.output)
    makers, fed = producers(half), {tensor.name for tensor in input_tensors(half)}
    for node in half.graph.node:
        for index, name in enumerate(node.input):
            up = makers.get(name)
            down = makers.get(up.input[0]) if up is not None and name.endswith(UP) and _cast_up(up) else None
            if down is not None and down.op_type == "Cast" and (down.input[0] in fed or down.input[0].endswith(DOWN)):
                node.input[index] = down.input[0]
    _give_uncut(half, makers)
    while unread := _unread(half):
        for node in unread:
            half.graph.node.remove(node)
    del half.graph.value_info[:]  # of values that are gone, and runtimes infer the others


def _give_uncut(half: onnx.ModelProto, makers: dict[str, onnx.NodeProto]) -> None:
    """Gives the outputs that are in float32 what operators in float32 compute for them, not by way of float16."""
    given = {output.name for output in half.graph.output}
    for up in list(half.graph.node):
        down = makers.get(up.input[0]) if _cast_up(up) and up.output[0] in given else None
        if down is not None and down.op_type == "Cast" and down.input[0].endswith(DOWN):
            half.graph.node.remove(up)
            rename_in(half.graph, {down.input[0]: up.output[0]})


def _unread(half: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Casts whose value nothing reads."""
    read = set(read_in(half.graph)) | {output.name for output in half.graph.output}
    return [node for node in half.graph.node if node.op_type == "Cast" and node.output[0] not in read]


def _name_apart(model: onnx.ModelProto) -> None:
    """Gives each constant of a branch or loop a name no other graph's has: the converter knows them by it alone."""
    taken: set[str] = set()
    for number, graph in enumerate(graphs(model.graph)):
        own = {tensor.name for tensor in graph.initializer}
        rename_in(graph, {name: f"{name}/{number}" for name in own & taken})
        taken |= own


def _beyond_half(model: onnx.ModelProto) -> set[str]:
    """The names of the nodes whose values float16 does not hold, given to those that had none: that scale by a finite
    constant beyond its range, or make a spectrogram of sound, whose powers reach far below its smallest number, 6e-8.

    Their constants become initializers, which the converter leaves in float32 for a node it leaves there; one that a
    Constant node gives it cuts all the same.
    """
    constants, sound = held(model), {node.output[0] for node in with_levels(model)}
    found, kept = set(), set()
    for index, node in enumerate(model.graph.node):
        below = MASK if node.op_type == FACTOR_OR_MASK else np.inf
        exceeds = any(name in constants and _exceeds(constants[name], below) for name in node.input)
        if (node.op_type in (*SCALING, FACTOR_OR_MASK) and exceeds) or (node.output and node.output[0] in sound):
            node.name = node.name or f"{node.op_type}_{index}_{node.output[0]}"
            found.add(node.name)
            kept |= constants.keys() & set(node.input)
    store_constants(model, kept)
    return found


def _exceeds(tensor: onnx.TensorProto, below: float) -> bool:
    """Has it a value that float16 does not hold, all such below that number?"""
    if tensor.data_type != TensorProto.FLOAT:
        return False
    values = np.abs(numpy_helper.to_array(tensor))
    large = values[np.isfinite(values) & (values > LARGEST)]
    return bool(large.size and (large < below).all())


def _cast_up(node: onnx.NodeProto | None) -> bool:
    return node is not None and node.op_type == "Cast" and any(a.i == TensorProto.FLOAT for a in node.attribute)
