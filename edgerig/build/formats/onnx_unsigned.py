"""8-bit weights as unsigned numbers around 128, the form in which every processor multiplies them exactly.

x86 without VNNI multiplies unsigned activations by signed weights with VPMADDUBSW, whose pairwise sums saturate at 16
bits: 8-bit weights come out wrong (measured on EfficientNet-Lite0: relative error 0.34 in place of 0.11). For unsigned
weights ONNX Runtime widens both to 16 bits first (mlas/lib/x86_64/QgemmU8U8KernelAvx2.S). The numbers are the same:
q - 0 = (q + 128) - 128. It is what its own optimizer does where `session.x64quantprecision` is set, in the file, where
nobody can forget to.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

MIDDLE = 128
WEIGHTS: dict[str, tuple[tuple[int, int], ...]] = {
    "DequantizeLinear": ((0, 2),),
    "MatMulInteger": ((1, 3),),
    "DynamicQuantizeLSTM": ((1, 9), (2, 11)),
}
"""Operator → where its 8-bit weights and their zero points are among its inputs."""


def widen(model: onnx.ModelProto, *, shared_only: bool = False) -> None:
    """Turns each int8 weight of `model`, and its zero point, into uint8 in place.

    `shared_only`: those that several operators use. ONNX Runtime's own conversion makes a tensor for each of them under
    one name, and such a file does not load where it is asked for.
    """
    readers = Counter(name for node in model.graph.node for name in node.input)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    signed: set[str] = set()
    for node in model.graph.node:
        for weight, zero in WEIGHTS.get(node.op_type, ()):
            names = [node.input[index] for index in (weight, zero) if index < len(node.input)]
            used = readers[node.output[0]] if node.op_type == "DequantizeLinear" else readers[names[0]] if names else 0
            if shared_only and used < 2:
                continue
            if len(names) == 2 and all(name in stored and stored[name].data_type == TensorProto.INT8 for name in names):
                signed.update(names)
    for name in signed:
        moved = numpy_helper.to_array(stored[name]).astype(np.int16) + MIDDLE
        stored[name].CopyFrom(numpy_helper.from_array(moved.astype(np.uint8), name))


def sign_tables(model: onnx.ModelProto) -> None:
    """Turns each uint8 embedding table of `model`, and its zero point, into int8 in place: the same numbers, moved by
    128, in the dtype of the other weights."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        table = made.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if table is None or table.op_type != "Gather" or table.input[0] not in stored:
            continue
        for name in {table.input[0], node.input[2]}:
            if stored[name].data_type == TensorProto.UINT8:
                moved = numpy_helper.to_array(stored[name]).astype(np.int16) - MIDDLE
                stored[name].CopyFrom(numpy_helper.from_array(moved.astype(np.int8), name))
