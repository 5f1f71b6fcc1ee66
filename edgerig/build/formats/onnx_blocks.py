"""int8-weight and int4-weight: ONNX Runtime's MatMulNBits, a matrix product by weights with a scale a block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from edgerig.build.formats.onnx_graph import MATRIX_OPERATORS, drop_unread, has_matrix, held, outside
from edgerig.build.onnx_weights import save
from edgerig.errors import UnsupportedRecipe

BLOCK = 32
"""Inputs that share a scale in a block-quantized MatMul."""
FLOAT_COMPUTE = 1
"""MatMulNBits' accuracy_level for float32 activations (4 would quantize them to int8 on the fly)."""


def quantize(prepared: Path, bits: int, out: Path) -> None:
    """Writes the graph in `prepared` to `out`. Raises UnsupportedRecipe when it has no matrix products by constants."""
    model = onnx.load(prepared)
    constants = held(model)
    products = [node for node in model.graph.node if node.op_type in MATRIX_OPERATORS]
    singles = [node for node in products if has_matrix(node, constants)]
    if not singles:
        raise UnsupportedRecipe(
            f"int{bits}-weight: ONNX Runtime quantizes the weights of MatMul and Gemm only (of two axes), and the "
            f"model has none that are constant{outside(model)}",
            hint="choose int8-static, or another format",
        )
    others = [node.name for node in products if node.name not in {single.name for single in singles}]
    quantizer = MatMulNBitsQuantizer(
        gemms_to_matmuls(model),
        bits=bits,
        block_size=BLOCK,
        is_symmetric=True,
        accuracy_level=FLOAT_COMPUTE,
        nodes_to_exclude=others,
    )
    quantizer.process()
    save(quantizer.model.model, out)


def gemms_to_matmuls(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with each Gemm by a constant weight as MatMul and Add, the form MatMulNBits replaces.

    Gemm is alpha * A' * B' + beta * C (ONNX operator specification); one with alpha or beta other than 1, or with A
    transposed, stays.
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
        if node.op_type != "Gemm" or node.input[1] not in stored or not plain:
            nodes.append(node)
            continue
        weight = numpy_helper.to_array(stored[node.input[1]])
        if attributes.get("transB", 0):
            weight = np.ascontiguousarray(weight.T)
        product = f"{node.output[0]}_product"
        name = f"{product}_weight"
        model.graph.initializer.append(numpy_helper.from_array(weight, name))
        has_bias = len(node.input) > 2 and bool(node.input[2])
        result = product if has_bias else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], name], [result], name=product))
        if has_bias:
            nodes.append(helper.make_node("Add", [product, node.input[2]], list(node.output), name=f"{product}_bias"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    drop_unread(model.graph)
    return model
