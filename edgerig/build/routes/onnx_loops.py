"""Constants that a loop carries from step to step, unchanged: TensorFlow's loops do so with the weights they use.

A body may read the values around its loop (ONNX operator specification, Loop), and only there are they known to be
constant: to whoever quantizes weights, folds them or counts them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx

from edgerig.build.formats.onnx_graph import branches, held, read_in


def hoist_constants(model: onnx.ModelProto) -> None:
    """Lets the bodies of `model`'s loops read the constants they are handed directly, in place."""
    constants = held(model).keys()
    read = set(read_in(model.graph))
    for node in model.graph.node:
        if node.op_type == "Loop":
            _hoist(node, constants, read)


def _hoist(loop: onnx.NodeProto, constants: Collection[str], read: Collection[str]) -> None:
    body = next(branches(loop))
    handed_on = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}
    for index in reversed(range(len(loop.input) - 2)):  # after the trip count and the condition
        inner, outer = body.input[2 + index].name, loop.input[2 + index]
        given = body.output[1 + index].name
        while given in handed_on:
            given = handed_on[given]
        if given != inner or outer not in constants or loop.output[index] in read:
            continue
        del loop.input[2 + index], loop.output[index], body.input[2 + index], body.output[1 + index]
        rename_in(body, {inner: outer})


def rename_in(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Gives values other names, old → new, in a graph and in the branches and bodies of its nodes."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for inner in branches(node):
            rename_in(inner, names)
