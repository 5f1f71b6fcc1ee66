"""The weights of a quantized TFLite file beside those of the float file it was made of, matched by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edgerig.build.formats.rounded import dequantized
from edgerig.build.formats.tflite_graph import Operator, constant
from edgerig.build.formats.tflite_ranges import WEIGHTED
from edgerig.measure.layers import Weights

INTEGERS: dict[int, type[np.integer[Any]]] = {
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT16: np.int16,
}


def weights(graph: Any, made: Any, operators: Iterable[tuple[str, Operator]]) -> Iterator[tuple[str, Weights]]:
    """The weights of the operators that have any, in both files, matched by name."""
    others = {name_of(tensor): tensor for subgraph in made.subgraphs for tensor in subgraph.tensors}
    for name, operator in operators:
        role = WEIGHTED.get(operator.name, (0, -1, 0))[1]
        raw = graph.subgraphs[0].operators[operator.index].inputs
        own = constant(graph, operator, int(raw[role])) if 0 <= role < len(raw) else None
        other = None if own is None else others.get(name_of(graph.subgraphs[0].tensors[int(raw[role])]))
        if own is None or other is None:
            continue
        found = _stored(made, other)
        if found is not None and found.quantized.shape == own.shape:
            yield name, replace(found, float=own)


def _stored(graph: Any, tensor: Any) -> Weights | None:
    """A constant's values; None where it is kept in float32, in a form that is not looked at, or nowhere."""
    data, shape = data_of(graph, tensor), [int(length) for length in (() if tensor.shape is None else tensor.shape)]
    if not data.size:
        return None
    if tensor.type == schema.TensorType.FLOAT16:
        values = np.frombuffer(data.tobytes(), np.float16).reshape(shape).astype(np.float64)
        return Weights(values, values)
    if tensor.type == schema.TensorType.INT4:
        stored = _nibbles(data)[: int(np.prod(shape))].reshape(shape)
    elif tensor.type in INTEGERS:
        stored = np.frombuffer(data.tobytes(), INTEGERS[tensor.type]).reshape(shape)
    else:
        return None
    told = tensor.quantization
    if told is None or told.scale is None or not len(told.scale):
        return None
    zeros = np.asarray([] if told.zeroPoint is None else told.zeroPoint)
    return dequantized(stored, np.asarray(told.scale), zeros, int(told.quantizedDimension or 0))


def _nibbles(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Signed 4-bit numbers, two to a byte, the low one first (LiteRT's `UnpackPackedIntToInt8`)."""
    halves = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1).astype(np.int8)
    return np.where(halves > 7, halves - 16, halves).astype(np.int8)


def data_of(graph: Any, tensor: Any) -> npt.NDArray[np.uint8]:
    data = graph.buffers[tensor.buffer].data
    return np.zeros(0, np.uint8) if data is None else np.asarray(data, np.uint8)


def name_of(tensor: Any) -> str:
    name: str = tensor.name.decode(errors="replace")
    return name
