"""The indices of an ONNX graph, by ONNX' operator specification (https://onnx.ai/onnx/operators/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import numpy_helper

from edgerig.build.datasets.index_bounds import Gather, Moved, Step
from edgerig.build.source import SourceModel

MOVING = frozenset(
    {"Cast", "CastLike", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Expand"}
    | {"Tile", "Split", "Pad", "Gather", "GatherElements", "GatherND"}
)
"""Operators whose outputs hold the integers of their first input."""
JOINING = {"Concat": 0, "Where": 1, "Max": 0, "Min": 0}
"""... of all inputs from this one on."""


def steps(model: SourceModel) -> list[Step]:
    graph = onnx.shape_inference.infer_shapes(onnx.load(model.module)).graph
    nodes = list(_nodes(graph))
    graphs = [graph, *_subgraphs(graph)]
    constants = {tensor.name: tensor for each in graphs for tensor in each.initializer}
    constants |= {
        node.output[0]: a.t for node in nodes for a in node.attribute if node.op_type == "Constant" and a.HasField("t")
    }
    shapes = {name: tuple(tensor.dims) for name, tensor in constants.items()}
    for each in graphs:
        for value in (*each.value_info, *each.input):
            shapes.setdefault(value.name, tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim))
    return [step for node in nodes for step in _steps(node, shapes, constants)]


def _steps(
    node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], constants: dict[str, onnx.TensorProto]
) -> Iterator[Step]:
    inputs = list(node.input)
    if node.op_type in ("Gather", "GatherElements") and shapes.get(inputs[0]):
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        yield from _gather(inputs[1], [shapes[inputs[0]][axis]])
    elif node.op_type == "GatherND" and shapes.get(inputs[0]) and shapes.get(inputs[1]):
        yield from _gather(inputs[1], shapes[inputs[0]][: shapes[inputs[1]][-1]])
    elif node.op_type == "EmbedLayerNormalization":  # onnxruntime's ContribOperators.md
        for index, table in ((0, 2), (1, 4)):
            if table < len(inputs) and inputs[index] and shapes.get(inputs[table]):
                yield from _gather(inputs[index], [shapes[inputs[table]][0]])
    if node.op_type in MOVING:
        yield from (Moved((inputs[0],), output) for output in node.output)
    elif node.op_type in JOINING:
        yield Moved(tuple(inputs[JOINING[node.op_type] :]), node.output[0])
    elif node.op_type in ("Add", "Sub") and inputs[1] in constants:
        added = numpy_helper.to_array(constants[inputs[1]])
        if added.dtype.kind in "iu" and added.size:
            yield Moved((inputs[0],), node.output[0], int(added.max() if node.op_type == "Add" else -added.min()))


def _gather(index: str, lengths: Iterable[int]) -> Iterator[Step]:
    known = [length for length in lengths if length > 0]
    if known:
        yield Gather(index, min(known))


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The graph's nodes in their order, those of a branch or a loop's body in front of the node that has it."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)
        yield node


def _subgraphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
                yield from _subgraphs(attribute.g)
