"""Two TFLite files side by side: every tensor kept, by LiteRT's own kernels, matched by name.

ai-edge-quantizer keeps the float file's names; a tensor it quantizes beside the float one is called `<name>_quantized`
or `<name>#quantized`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edgerig.build.formats.layer_names import layer_names
from edgerig.build.formats.tflite_equalize import equalize
from edgerig.build.formats.tflite_float import fix_shapes, gather_tables
from edgerig.build.formats.tflite_graph import Operator as FileOperator
from edgerig.build.formats.tflite_graph import constant, read, walk, write
from edgerig.build.formats.tflite_ranges import WEIGHTED, feed, preserving
from edgerig.build.formats.tflite_recipes import WHOLE
from edgerig.build.layers.twins import Job, Pair, Twins, dequantized, range_of
from edgerig.build.source import Arrays
from edgerig.measure.layers import Operator, Range, Values, Weights

METHOD = "LiteRT on this host, its built-in kernels, every tensor kept (XNNPACK is off)"
BESIDE = ("_quantized", "#quantized")
INTEGERS: dict[int, type[np.integer[Any]]] = {
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT16: np.int16,
}
Details = dict[str, Any]


def twins(job: Job) -> Twins:
    """As `side_by_side`, of the float file that the recipe starts from."""
    start = job.floating
    if job.recipe.kind in WHOLE:
        start, graph = job.work / "whole.tflite", read(start)
        gather_tables(graph)
        fix_shapes(graph)
        write(graph, start)
    if job.recipe.options.equalize:
        equalized = job.work / "equalized.tflite"
        equalize(start, job.recipe, job.samples, equalized)
        start = equalized
    return side_by_side(start, job.quantized)


def side_by_side(floating: Path, quantized: Path) -> Twins:
    """Raises BuildError for a file that is none; ValueError or RuntimeError, the runtime's, for one it cannot run."""
    graph = read(floating)
    operators = [each for each in walk(graph) if each.subgraph == 0]
    names = layer_names(each.name for each in operators)
    tensors = graph.subgraphs[0].tensors
    ours, theirs = preserving(floating), preserving(quantized)
    pairs = dict(_pairs(ours.get_tensor_details(), theirs.get_tensor_details()))
    return Twins(
        method=METHOD,
        operators=tuple(_told(graph, name, each) for name, each in zip(names, operators, strict=True)),
        inputs=tuple(_name(tensors[int(i)]) for i in graph.subgraphs[0].inputs),
        weights=dict(_weights(graph, read(quantized), zip(names, operators, strict=True))),
        ranges={name: found for name, (_, theirs) in pairs.items() if (found := _range(theirs)) is not None},
        axis=lambda values: values.ndim - 1,
        run=partial(_run, ours, theirs, pairs),
    )


def _told(graph: Any, name: str, operator: FileOperator) -> Operator:
    tensors = graph.subgraphs[0].tensors
    reads = [i for i in operator.inputs if not _data(graph, tensors[i]).size]
    return Operator(
        name, operator.name, tuple(_name(tensors[i]) for i in reads), tuple(_name(tensors[i]) for i in operator.outputs)
    )


def _pairs(ours: list[Details], theirs: list[Details]) -> Iterator[tuple[str, tuple[Details, Details]]]:
    """The float tensors of the twin that the quantized file has too: what is integer there counts."""
    known = {details["name"]: details for details in theirs}
    for details in ours:
        name = details["name"]
        found = [known[each] for each in (*(name + end for end in BESIDE), name) if each in known]
        if details["dtype"] is np.float32 and found:
            yield name, (details, found[0])


def _run(ours: Any, theirs: Any, pairs: dict[str, tuple[Details, Details]], sample: Arrays) -> Iterator[Pair]:
    for interpreter in (ours, theirs):
        feed(interpreter, sample)
        interpreter.invoke()
    for name, (floating, quantized) in pairs.items():
        try:
            one, other = ours.get_tensor(floating["index"]), theirs.get_tensor(quantized["index"])
        except ValueError:  # scratch memory of a kernel, or a tensor no operator has written
            continue
        yield name, one, _real(other, quantized)
    for interpreter in (ours, theirs):
        interpreter.reset_all_variables()


def _real(stored: npt.NDArray[Any], details: Details) -> Values:
    scale, zero = details["quantization"]
    return stored if not scale else (stored.astype(np.float64) - zero) * scale


def _range(details: Details) -> Range | None:
    scale, zero = details["quantization"]
    return range_of(float(scale), int(zero), np.dtype(details["dtype"])) if scale else None


def _weights(graph: Any, made: Any, operators: Any) -> Iterator[tuple[str, Weights]]:
    """The weights of the operators that have any, in both files, matched by name."""
    others = {_name(tensor): tensor for subgraph in made.subgraphs for tensor in subgraph.tensors}
    for name, operator in operators:
        role = WEIGHTED.get(operator.name, (0, -1, 0))[1]
        raw = graph.subgraphs[0].operators[operator.index].inputs
        own = constant(graph, operator, int(raw[role])) if 0 <= role < len(raw) else None
        other = None if own is None else others.get(_name(graph.subgraphs[0].tensors[int(raw[role])]))
        if own is None or other is None:
            continue
        found = _stored(made, other)
        if found is not None and found.quantized.shape == own.shape:
            yield name, replace(found, float=own)


def _stored(graph: Any, tensor: Any) -> Weights | None:
    """A constant's values; None where it is kept in float32, in a form that is not looked at, or nowhere."""
    data, shape = _data(graph, tensor), [int(length) for length in (() if tensor.shape is None else tensor.shape)]
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


def _data(graph: Any, tensor: Any) -> npt.NDArray[np.uint8]:
    data = graph.buffers[tensor.buffer].data
    return np.zeros(0, np.uint8) if data is None else np.asarray(data, np.uint8)


def _name(tensor: Any) -> str:
    name: str = tensor.name.decode(errors="replace")
    return name
