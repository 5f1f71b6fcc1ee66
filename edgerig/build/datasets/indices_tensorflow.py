"""The indices of a Keras model or a SavedModel, by the operators of its traced graph
(https://www.tensorflow.org/api_docs/python/tf/raw_ops)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgerig.build.datasets.index_bounds import Gather, Moved, Step
from edgerig.build.source import SourceModel

MOVING = frozenset(
    {"Cast", "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "Slice", "BroadcastTo"}
    | {"Tile", "GatherV2", "GatherNd", "StopGradient"}
)
"""Operators whose result holds the integers of their first input."""
JOINING = {"ConcatV2": 0, "Pack": 0, "SelectV2": 1, "Maximum": 0, "Minimum": 0}
"""... of all inputs from this one on."""


def steps(model: SourceModel) -> list[Step]:
    call = model.module.call if model.spec.source == "saved_model" else lambda *batch: model.module(list(batch))
    given = [tf.TensorSpec(t.shape, tf.as_dtype(t.dtype), name=f"input_{i}") for i, t in enumerate(model.spec.inputs)]
    traced = tf.function(call, autograph=False).get_concrete_function(*given)
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False, aggressive_inlining=True)
    names = {tensor.name: spec.name for tensor, spec in zip(frozen.inputs, model.spec.inputs, strict=False)}
    return [step for operation in frozen.graph.get_operations() for step in _steps(operation, names)]


def _steps(operation: Any, names: dict[str, str]) -> Iterator[Step]:
    inputs = [names.get(tensor.name, tensor.name) for tensor in operation.inputs]
    shapes = [tensor.shape for tensor in operation.inputs]
    if operation.type == "GatherV2" and shapes[0].rank:
        axis = tf.get_static_value(operation.inputs[2])
        length = None if axis is None else shapes[0][int(axis)]
        if length:
            yield Gather(inputs[1], int(length))
    elif operation.type == "GatherNd" and shapes[0].is_fully_defined() and shapes[1].rank and shapes[1][-1]:
        yield Gather(inputs[1], int(min(shapes[0][: shapes[1][-1]])))
    if operation.type in MOVING:
        yield Moved((inputs[0],), operation.outputs[0].name)
    elif operation.type in JOINING:
        yield Moved(tuple(inputs[JOINING[operation.type] :]), operation.outputs[0].name)
