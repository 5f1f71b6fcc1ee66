"""The indices of a TFLite file's main subgraph, by the operators of its schema (tensorflow/lite/schema/schema.fbs)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.build.datasets.index_bounds import Gather, Moved, Step
from edgerig.build.source import SourceModel
from edgerig.build.tflite_codes import builtin

MOVING = frozenset(
    {"CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "BROADCAST_TO", "TILE"}
    | {"SPLIT", "UNPACK", "GATHER", "GATHER_ND"}
)
"""Operators whose outputs hold the integers of their first input."""
JOINING = {"CONCATENATION": 0, "PACK": 0, "SELECT": 1, "SELECT_V2": 1, "MAXIMUM": 0, "MINIMUM": 0}
"""... of all inputs from this one on."""
_CODES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def steps(model: SourceModel) -> list[Step]:
    graph = flatbuffer_utils.read_model(str(model.module))
    subgraph = graph.subgraphs[0]
    names = {i: f"#{i}" for i in range(len(subgraph.tensors))}
    names |= {i: subgraph.tensors[i].name.decode("utf-8", "replace") for i in subgraph.inputs}
    return [step for operator in subgraph.operators for step in _steps(graph, subgraph, operator, names)]


def _steps(graph: Any, subgraph: Any, operator: Any, names: dict[int, str]) -> Iterator[Step]:
    kind = _CODES.get(builtin(graph, operator), "")
    inputs = [int(index) for index in operator.inputs]
    shapes = [() if i < 0 or subgraph.tensors[i].shape is None else tuple(subgraph.tensors[i].shape) for i in inputs]
    if kind == "GATHER" and shapes[0]:
        yield Gather(names[inputs[1]], int(shapes[0][operator.builtinOptions.axis]))
    elif kind == "EMBEDDING_LOOKUP" and shapes[1]:
        yield Gather(names[inputs[0]], int(shapes[1][0]))
    elif kind == "GATHER_ND" and shapes[0] and shapes[1]:
        yield Gather(names[inputs[1]], int(min(shapes[0][: shapes[1][-1]])))
    if kind in MOVING:
        moved = inputs[1] if kind == "SPLIT" else inputs[0]
        yield from (Moved((names[moved],), names[int(output)]) for output in operator.outputs)
    elif kind in JOINING:
        yield Moved(tuple(names[i] for i in inputs[JOINING[kind] :]), names[int(operator.outputs[0])])
    elif kind in ("ADD", "SUB"):
        added = _constant(graph, subgraph.tensors[inputs[1]])
        if added is not None:
            most = int(added.max() if kind == "ADD" else -added.min())
            yield Moved((names[inputs[0]],), names[int(operator.outputs[0])], most)


def _constant(graph: Any, tensor: Any) -> np.ndarray[Any, np.dtype[Any]] | None:
    """The integers of a constant tensor."""
    dtypes = {schema.TensorType.INT32: np.int32, schema.TensorType.INT64: np.int64}
    data = graph.buffers[tensor.buffer].data
    if tensor.type not in dtypes or data is None or not len(data):
        return None
    return np.frombuffer(bytes(bytearray(data)), dtypes[tensor.type])
