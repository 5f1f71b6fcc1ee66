"""fp16: weights and activations in 16-bit floats, inputs and outputs in 32."""

from __future__ import annotations

import onnx
from onnx import TensorProto
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from edgerig.build.formats.onnx_graph import producers


def convert(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The graph in float16, and the operators it keeps in float32, one entry each: those ONNX or its runtimes have in
    float32 only (the converter's block list)."""
    half = convert_float_to_float16(model, keep_io_types=True)
    makers = producers(half)
    blocked = [node for node in half.graph.node if node.op_type in DEFAULT_OP_BLOCK_LIST]
    return half, tuple(node.op_type for node in blocked if any(_cast_up(makers.get(name)) for name in node.input))


def _cast_up(node: onnx.NodeProto | None) -> bool:
    return node is not None and node.op_type == "Cast" and any(a.i == TensorProto.FLOAT for a in node.attribute)
