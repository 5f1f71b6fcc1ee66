"""Counting what is in a file: operators by type and the values it stores. Nothing here counts multiplications."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from edgerig.build.card import LayerCount
from edgerig.build.counting import Counts
from edgerig.build.source import SourceModel

NO_MACS = "multiplications are counted for torch and Keras models"


def onnx(model: SourceModel) -> Counts:
    import onnx as library

    graph = library.load(model.module).graph
    parameters = sum(math.prod(tensor.dims) for tensor in graph.initializer)
    return Counts(parameters, 0, _by_type(node.op_type for node in graph.node), NO_MACS)


def tflite(model: SourceModel) -> Counts:
    from edgerig.build.formats.tflite_graph import operators, read

    graph = read(model.module)
    stored = {
        tensor.buffer: math.prod(tensor.shape)
        for subgraph in graph.subgraphs
        for tensor in subgraph.tensors
        if graph.buffers[tensor.buffer].data is not None and len(graph.buffers[tensor.buffer].data)
    }
    return Counts(sum(stored.values()), 0, _by_type(name for name, _ in operators(graph)), NO_MACS)


def saved_model(model: SourceModel) -> Counts:
    variables = model.module.function.variables  # the signature's: the object saved may have none of its own
    return Counts(sum(math.prod(variable.shape) for variable in variables), 0, {}, NO_MACS)


def _by_type(operators: Iterable[str]) -> dict[str, LayerCount]:
    return {name: LayerCount(layers=number, macs=None) for name, number in Counter(operators).items()}
