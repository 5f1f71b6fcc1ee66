"""Two TFLite files side by side: every tensor kept, by LiteRT's own kernels, matched by name.

ai-edge-quantizer keeps the float file's names; a tensor it quantizes beside the float one is called `<name>_quantized`
or `<name>#quantized`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.formats.layer_names import layer_names
from edgerig.build.formats.tflite_equalize import equalize
from edgerig.build.formats.tflite_float import fix_shapes, gather_tables
from edgerig.build.formats.tflite_graph import Operator as FileOperator
from edgerig.build.formats.tflite_graph import read, walk, write
from edgerig.build.formats.tflite_ranges import feed, preserving
from edgerig.build.formats.tflite_recipes import WHOLE
from edgerig.build.formats.tflite_rounded import data_of, name_of, weights
from edgerig.build.layers.twins import Job, Pair, Twins, range_of
from edgerig.build.source import Arrays
from edgerig.measure.layers import Operator, Range, Values

METHOD = "LiteRT on this host, its built-in kernels, every tensor kept (XNNPACK is off)"
BESIDE = ("_quantized", "#quantized")
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
        inputs=tuple(name_of(tensors[int(i)]) for i in graph.subgraphs[0].inputs),
        weights=dict(weights(graph, read(quantized), zip(names, operators, strict=True))),
        ranges={name: found for name, (_, theirs) in pairs.items() if (found := _range(theirs)) is not None},
        axis=lambda values: values.ndim - 1,
        run=partial(_run, ours, theirs, pairs),
    )


def _told(graph: Any, name: str, operator: FileOperator) -> Operator:
    tensors = graph.subgraphs[0].tensors
    reads = [i for i in operator.inputs if not data_of(graph, tensors[i]).size]
    return Operator(
        name,
        operator.name,
        tuple(name_of(tensors[i]) for i in reads),
        tuple(name_of(tensors[i]) for i in operator.outputs),
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
