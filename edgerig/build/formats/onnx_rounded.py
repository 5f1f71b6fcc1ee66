"""The weights of a quantized ONNX graph beside those of the float graph it was made of, behind the operator of the same
name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from edgerig.build.formats.onnx_graph import WEIGHT_INPUTS, held
from edgerig.build.formats.rounded import dequantized
from edgerig.measure.layers import Weights

READ_AS = "_DequantizeLinear_Output"
"""Behind the name of a value that ONNX Runtime's quantizer gives as integers."""
Graph = dict[str, TensorProto]


def weights(
    nodes: Mapping[str, onnx.NodeProto], constants: Graph, made: onnx.ModelProto
) -> Iterator[tuple[str, Weights]]:
    """By operator: the constants it multiplies by, and what the operator that took its place multiplies by."""
    stored, makers = held(made), {name: node for node in made.graph.node for name in node.output}
    for name, node in nodes.items():
        for place in WEIGHT_INPUTS.get(node.op_type, ()):
            tensor = constants.get(node.input[place]) if place < len(node.input) else None
            if tensor is None or tensor.data_type != TensorProto.FLOAT:
                continue
            own = numpy_helper.to_array(tensor)
            found = _stored(node.input[place], stored, makers)
            if found is not None and found.quantized.shape == own.shape:
                yield name, replace(found, float=own)
                break


def _stored(name: str, stored: Graph, makers: Mapping[str, onnx.NodeProto]) -> Weights | None:
    """The constant `name` of the twin as the quantized graph holds it; None where that is in float32 or nowhere."""
    if name in stored and stored[name].data_type == TensorProto.FLOAT16:
        values = numpy_helper.toarray_of(stored[name]).astype(np.float64)
        return Weights(values, values)
    maker = makers.get(name + READ_AS)
    if maker is not None:
        parts, axis = [array_of(stored, maker, place) for place in range(3)], _attribute(maker, "axis", 1)
    else:  # int8-dynamic: read by MatMulInteger as it is
        parts = [_held(stored, name + end) for end in ("_quantized", "_scale", "_zero_point")]
        axis = -1
    values, scale, zero = parts
    if values is None or scale is None:
        return None
    return dequantized(values, scale, np.zeros(1) if zero is None else zero, axis)


def _attribute(node: onnx.NodeProto, name: str, otherwise: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), otherwise)


def array_of(constants: Graph, node: onnx.NodeProto, place: int) -> npt.NDArray[Any] | None:
    return _held(constants, node.input[place]) if place < len(node.input) else None


def _held(constants: Graph, name: str) -> npt.NDArray[Any] | None:
    found: npt.NDArray[Any] | None = numpy_helper.to_array(constants[name]) if name in constants else None
    return found
