"""Float layers between integers, in a form that ONNX Runtime leaves in float.

When it loads a file, ONNX Runtime gives a Conv, ConvTranspose or Gemm with float weights 8-bit ones of a single scale
where it reads a DequantizeLinear of one scale and a QuantizeLinear follows, with or without a Relu or Clip between
(onnxruntime/core/optimizer/qdq_transformer/weight_bias_quantization.cc): worse than the scales per channel it would
otherwise have had. A DequantizeLinear with a scale per channel, all equal, gives the same numbers and is passed by.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgerig.build.formats.onnx_graph import drop_unread, held, producers, read_in

REQUANTIZED = frozenset({"Conv", "ConvTranspose", "Gemm"})
CHANNEL_AXIS = 1
"""Of the data of each of them."""


def shield(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Gives those nodes of `names` that ONNX Runtime would quantize a DequantizeLinear of their own, in place."""
    constants, makers = held(model), producers(model)
    for node in list(model.graph.node):
        maker = makers.get(node.input[0]) if node.input else None
        if node.name not in names or node.op_type not in REQUANTIZED or maker is None:
            continue
        channels = _channels(node, constants)
        if maker.op_type == "DequantizeLinear" and channels and maker.input[1] in constants:
            _give_own(model, node, maker, channels, constants)
    read = set(read_in(model.graph))
    for node in [each for each in model.graph.node if each.op_type == "DequantizeLinear"]:
        if node.output[0] not in read:
            model.graph.node.remove(node)
    drop_unread(model.graph)


def _channels(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> int:
    """How many channels the node's data has; 0 where its weights are not float constants."""
    weight = constants.get(node.input[1])
    if weight is None or weight.data_type != TensorProto.FLOAT:
        return 0
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "Conv":
        return int(weight.dims[1]) * int(attributes.get("group", 1))
    if node.op_type == "Gemm":
        return 0 if attributes.get("transA", 0) else int(weight.dims[1 if attributes.get("transB", 0) else 0])
    return int(weight.dims[0])


def _give_own(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    maker: onnx.NodeProto,
    channels: int,
    constants: dict[str, TensorProto],
) -> None:
    inputs = [maker.input[0]]
    for name in maker.input[1:]:
        value = numpy_helper.to_array(constants[name])
        if value.size != 1:
            return  # it has scales per channel already
        own = f"{node.name}_{name}"
        vector = np.full(channels, value.reshape(-1)[0], value.dtype)
        model.graph.initializer.append(numpy_helper.from_array(vector, own))
        inputs.append(own)
    output = f"{node.name}_{maker.output[0]}"
    made = helper.make_node("DequantizeLinear", inputs, [output], name=output, axis=CHANNEL_AXIS)
    model.graph.node.insert(list(model.graph.node).index(node), made)
    node.input[0] = output
