"""What onnx's version converter leaves undone in old files: operators whose meaning changed, taken as they stand.

It writes `Upsample` and the `Resize` of opset 10 as the later `Resize` without saying how places are found, which from
opset 11 on is by half pixels; and `Hardmax` as if it had always been of one axis (onnx/version_converter/adapters).
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgerig.errors import BuildError

SAID_HOW = 11
"""The first opset whose Resize says how a place in the output is found in the input."""
ONE_AXIS = 13
"""The first opset whose Hardmax is of one axis; before, of all from `axis` on taken as one."""


def check_old(model: onnx.ModelProto, version: int) -> None:
    """Raises BuildError for a Hardmax of `model`, of opset `version`, that is of several axes, or may be."""
    if version >= ONE_AXIS:
        return
    inferred = onnx.shape_inference.infer_shapes(model).graph
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in (*inferred.input, *inferred.value_info)}
    for node in model.graph.node:
        axis = next((int(a.i) for a in node.attribute if a.name == "axis"), 1)
        if node.op_type == "Hardmax" and axis not in (-1, ranks.get(node.input[0], 0) - 1):
            raise BuildError(f'Hardmax "{node.name or node.output[0]}" is of several axes, which later opsets have not')


def as_before(modern: onnx.ModelProto, version: int) -> None:
    """Gives each Resize of `modern`, converted from opset `version`, what it meant there, in place.

    A place x of the output is x / scale of the input; the nearest is the one below it, and of a smaller output the one
    above (ONNX Runtime 1.31, core/providers/cpu/tensor/upsamplebase.h, ASYMMETRIC and SIMPLE). Raises BuildError where
    scales decide that and are not in the file.
    """
    if version >= SAID_HOW:
        return
    stored = {tensor.name: tensor for tensor in modern.graph.initializer}
    for node in modern.graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                stored[node.output[0]] = attribute.t
    for node in modern.graph.node:
        if node.op_type != "Resize":
            continue
        node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
        if next((a.s for a in node.attribute if a.name == "mode"), b"nearest") == b"nearest":
            scales = stored.get(node.input[2])
            node.attribute.append(helper.make_attribute("nearest_mode", _nearest(node, scales)))


def _nearest(node: onnx.NodeProto, scales: onnx.TensorProto | None) -> str:
    values = np.array([]) if scales is None else numpy_helper.to_array(scales)
    if not values.size or ((values < 1).any() and (values > 1).any()):
        raise BuildError(
            f'Resize "{node.name or node.output[0]}" takes the nearest by scales that are computed, or that enlarge '
            "one axis and reduce another"
        )
    return "ceil" if (values < 1).any() else "floor"
