"""The shapes of convolutions' weights in an .onnx file, by their nodes' names: ONNX Runtime's profile tells none of
what it has packed.

Read without the onnx package, which devices do not have: of the file's messages (onnx.proto3) only the fields below. A
weight that is stored as integers stands behind a DequantizeLinear.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from edgerig.protobuf import BYTES, VARINT, Buffer, Field, fields

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_TYPE = 1, 2, 3, 4
TENSOR_DIMS, TENSOR_NAME = 1, 8
CONVOLUTION, DEQUANTIZE = "Conv", "DequantizeLinear"


class Node(NamedTuple):
    name: str
    operator: str
    inputs: list[str]
    outputs: list[str]


def weight_shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Node's name → its weights' shape, of every Conv; empty for a file that cannot be read."""
    try:
        with open(path, "rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content:
            return _shapes(content)
    except (OSError, ValueError):
        return {}


def _shapes(content: Buffer) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    source: dict[str, str] = {}
    taken: dict[str, str] = {}
    for field in _inside_graphs(content):
        if field.number == GRAPH_INITIALIZER:
            name, shape = _tensor(content, field)
            shapes[name] = shape
        elif field.number == GRAPH_NODE:
            node = _node(content, field)
            if node.operator == CONVOLUTION and len(node.inputs) > 1:
                taken[node.name] = node.inputs[1]
            elif node.operator == DEQUANTIZE and node.inputs and node.outputs:
                source[node.outputs[0]] = node.inputs[0]
    found = {name: shapes.get(source.get(weights, weights)) for name, weights in taken.items()}
    return {name: shape for name, shape in found.items() if shape is not None}


def _inside_graphs(content: Buffer) -> Iterator[Field]:
    for graph in fields(content, 0, len(content)):
        if (graph.number, graph.wire) == (MODEL_GRAPH, BYTES):
            yield from (field for field in fields(content, graph.start, graph.end) if field.wire == BYTES)


def _tensor(content: Buffer, message: Field) -> tuple[str, tuple[int, ...]]:
    """Its dimensions are written one by one, as onnx itself writes them."""
    name, shape = "", list[int]()
    for field in fields(content, message.start, message.end):
        if (field.number, field.wire) == (TENSOR_DIMS, VARINT):
            shape.append(field.value)
        elif (field.number, field.wire) == (TENSOR_NAME, BYTES):
            name = _text(content, field)
    return name, tuple(shape)


def _node(content: Buffer, message: Field) -> Node:
    texts: dict[int, list[str]] = {number: [] for number in (NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_TYPE)}
    for field in fields(content, message.start, message.end):
        if field.number in texts and field.wire == BYTES:
            texts[field.number].append(_text(content, field))
    name, operator = ("".join(texts[number][:1]) for number in (NODE_NAME, NODE_TYPE))
    return Node(name, operator, texts[NODE_INPUT], texts[NODE_OUTPUT])


def _text(content: Buffer, field: Field) -> str:
    return content[field.start : field.end].decode("utf-8", "replace")
