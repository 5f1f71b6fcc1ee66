"""Batch normalizations whose variances float16 cannot hold, written so that it can."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

LARGEST = float(np.finfo(np.float16).max)


def unit_variances(graph: onnx.GraphProto) -> None:
    """Divides the scale of each BatchNormalization by the root of its variance where that exceeds float16's range, and
    makes the variance 1: y = scale * (x - mean) / sqrt(variance + epsilon) + bias (ONNX operator specification).

    A module in float16 would hold an infinite variance, and give its bias for every input.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "BatchNormalization" or not {node.input[1], node.input[4]} <= constants.keys():
            continue
        scale, variance = constants[node.input[1]], constants[node.input[4]]
        if variance.max(initial=0) <= LARGEST:
            continue
        given = next((a for a in node.attribute if a.name == "epsilon"), None)
        epsilon = 1e-5 if given is None else helper.get_attribute_value(given)
        whole = (scale / np.sqrt(variance.astype(np.float64) + epsilon)).astype(scale.dtype)
        one = np.full_like(variance, 1 - epsilon)
        for index, value in ((1, whole), (4, one)):
            name = f"{node.output[0]}/{node.input[index]}"  # its own: other operators may read the constant
            graph.initializer.append(numpy_helper.from_array(value, name))
            node.input[index] = name
