"""The operators of an ONNX file, read without onnx and without its weights: a plan is made where neither is at hand."""

from __future__ import annotations

import mmap
from pathlib import Path

from edgerig.protobuf import fields

_GRAPH, _NODE, _OPERATOR = 7, 1, 4
"""onnx.proto: ModelProto.graph, GraphProto.node, NodeProto.op_type."""


def operators(path: Path) -> frozenset[str]:
    """The names of the main graph's, not of its branches and loops, which may never run; none of what is no such file:
    who loads it says so."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return frozenset(
                content[name.start : name.end].decode("utf-8", "replace")
                for graph in fields(content, 0, len(content))
                if graph.number == _GRAPH
                for node in fields(content, graph.start, graph.end)
                if node.number == _NODE
                for name in fields(content, node.start, node.end)
                if name.number == _OPERATOR
            )
    except (OSError, ValueError):
        return frozenset()
