"""LiteRT (TensorFlow Lite), through the interpreter of `ai_edge_litert`, by default with its XNNPACK delegate."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo, UnsupportedTensor, contiguous
from edgerig.ondevice.engines.litert_signatures import MAIN, Entry
from edgerig.ondevice.engines.litert_state import kept
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import check_inputs

DELEGATE = "DELEGATE"
"""The name LiteRT gives a node that stands for a delegate's partition of the graph."""
UNDELEGATED_SHOWN = 20
OTHER_SUBGRAPH = "LiteRT tells the operators of a file's first subgraph alone, and the signature is another one"


class Node(NamedTuple):
    """An operator of the main subgraph, with its tensors' indices (-1: an optional input left out)."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Layer(NamedTuple):
    """An operator as the graph has it: `layer` names what it computes, and of its tensors there are the shapes and the
    bytes of a number."""

    name: str
    layer: str
    inputs: tuple[tuple[tuple[int, ...], int], ...]
    outputs: tuple[tuple[tuple[int, ...], int], ...]


class LitertEngine:
    """A `.tflite` file. `invoke` is the interpreter's compiled Invoke itself, bound when the file is loaded.

    Without `xnnpack` the interpreter's operator resolver applies no delegate: what is left are LiteRT's own optimized
    kernels (ai_edge_litert/interpreter.py, OpResolverType). `signature` is the one to run, "" the first subgraph.
    """

    invoke: Callable[[], None]

    def __init__(self, xnnpack: bool = True, signature: str = "") -> None:
        self._signature = signature
        self._resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises ValueError (not a sound flatbuffer), UnsupportedTensor or RuntimeError. A file with dynamic axes is
        given memory when their lengths are known: the 1 that stands for each need not be one it can be run with."""
        self._threads, self._path = threads, path
        self.__dict__.pop("_kept", None)
        self._interpreter: Any = Interpreter(
            model_path=path, num_threads=threads, experimental_op_resolver_type=self._resolver
        )
        self._operators = _nodes(self._interpreter)
        self._entry = Entry(self._interpreter, self._signature)
        self._input_details = self._entry.inputs()
        self._inputs = [_tensor(details) for details in self._input_details]
        if shapes:
            self._inputs = [replace(tensor, shape=shape) for tensor, shape in zip(self._inputs, shapes, strict=True)]
            for details, shape in zip(self._input_details, shapes, strict=True):
                self._entry.resize(details["index"], shape)
        self._allocated = all(-1 not in tensor.shape for tensor in self._inputs)
        if self._allocated:
            self._entry.allocate()
        self._input_details = self._entry.inputs()
        self._output_details = self._entry.outputs()
        self._outputs = [_tensor(details, known=bool(shapes)) for details in self._output_details]
        self._bind()

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._inputs)
        if not self._allocated or any(
            a.shape != tuple(d["shape"]) for a, d in zip(inputs, self._input_details, strict=True)
        ):
            self._resize(inputs)
        for array, details in zip(inputs, self._input_details, strict=True):
            self._entry.set(details["index"], contiguous(array, array.dtype.name))

    def outputs(self) -> list[Array]:
        return [self._entry.get(details["index"]) for details in self._output_details]

    def input_tensors(self) -> dict[str, Array]:
        """What the file's input tensors hold now, by the names the entry has for them."""
        return {str(details["name"]): self._entry.get(details["index"]) for details in self._input_details}

    def layers(self) -> list[Layer]:
        """Of each operator of the main subgraph what it is, the name of its first output ("" where it has none), and
        its tensors as memory was given for them."""
        name = self._interpreter._interpreter.TensorName
        return [
            Layer(
                node.name,
                str(name(node.outputs[0], MAIN)) if node.outputs else "",
                tuple(self._sized(index) for index in node.inputs if index >= 0),
                tuple(self._sized(index) for index in node.outputs),
            )
            for node in self._operators
        ]

    def _sized(self, index: int) -> tuple[tuple[int, ...], int]:
        """Its shape and the bytes of a number; one of a type numpy does not have is told as of no known length."""
        wrapper = self._interpreter._interpreter
        try:
            shape, item = wrapper.TensorSize(index, MAIN), np.dtype(wrapper.TensorType(index, MAIN)).itemsize
        except (TypeError, ValueError):
            return (-1,), 0
        return tuple(map(int, shape)), item

    def partitions(self) -> list[list[int]]:
        """Of each part of the main subgraph that a delegate took its operators, in the order in which they run."""
        count = len(self._operators)
        nodes = _nodes(self._interpreter)
        found = (sorted(delegated([*nodes[:count], node], count)) for node in nodes[count:] if node.name == DELEGATE)
        return sorted(part for part in found if part)

    def describe(self) -> Description:
        operators = self._operators
        main = self._entry.subgraph == MAIN
        taken = delegated(_nodes(self._interpreter), len(operators)) if main else set()
        others = dict.fromkeys(node.name for i, node in enumerate(operators) if i not in taken) if main else {}
        notes = ["LiteRT cannot tell its thread count: the one asked for is given"]
        subgraphs = self._interpreter.num_subgraphs()
        if subgraphs > 1 and main:
            notes.append(f"the file has {subgraphs} subgraphs; operators are counted in the main one")
        return Description(
            inputs=self._inputs,
            outputs=self._outputs,
            runtime="LiteRT",
            version=importlib.metadata.version("ai-edge-litert"),
            threads=self._threads,
            delegated=len(taken) if main else None,
            total=len(operators) if main else None,
            delegation_reason="" if main else OTHER_SUBGRAPH,
            undelegated=list(others)[:UNDELEGATED_SHOWN],
            notes=notes,
            state=self._kept + fed_back(self._inputs, self._outputs),
            signature=self._entry.signature,
            signatures=list(self._entry.signatures),
        )

    @cached_property
    def _kept(self) -> list[str]:
        """What the file remembers itself; not read while loading is timed."""
        return kept(self._path, self._entry.subgraph)

    def _bind(self) -> None:
        self.invoke = self._entry.invoke()

    def _resize(self, inputs: list[Array]) -> None:
        """Gives the file's dynamic axes the inputs' lengths."""
        del self.invoke  # the interpreter refuses to reallocate while anyone else holds a reference to it
        for array, details in zip(inputs, self._input_details, strict=True):
            self._entry.resize(details["index"], array.shape)
        self._entry.allocate()
        self._allocated = True
        self._input_details = self._entry.inputs()
        self._bind()


def delegated(nodes: list[Node], operators: int) -> set[int]:
    """The indices of the file's operators that delegates have taken over.

    After delegation `nodes` still holds the file's own `operators` nodes, followed by one DELEGATE node a partition,
    whose inputs are the tensors it reads from outside and whose outputs are those others read. The operators inside a
    partition are therefore those reached backwards from its outputs without passing its inputs. An operator whose
    result nothing reads is not reached and counts as not delegated.
    """
    producer = {tensor: i for i, node in enumerate(nodes[:operators]) for tensor in node.outputs}
    taken: set[int] = set()
    for partition in nodes[operators:]:
        if partition.name == DELEGATE:
            taken |= _reached_backwards(nodes, producer, partition.outputs, stop=set(partition.inputs))
    return taken


def _reached_backwards(nodes: list[Node], producer: dict[int, int], tensors: Iterable[int], stop: set[int]) -> set[int]:
    reached: set[int] = set()
    pending = list(tensors)
    while pending:
        tensor = pending.pop()
        node = producer.get(tensor)
        if tensor not in stop and node is not None and node not in reached:
            reached.add(node)
            pending.extend(nodes[node].inputs)
    return reached


def _nodes(interpreter: Any) -> list[Node]:
    """The main subgraph's nodes, read below `_get_ops_details()`, which fails on tensor types numpy does not have."""
    wrapper = interpreter._interpreter
    return [
        Node(wrapper.NodeName(i), tuple(map(int, wrapper.NodeInputs(i))), tuple(map(int, wrapper.NodeOutputs(i))))
        for i in range(wrapper.NumNodes())
    ]


def _tensor(details: dict[str, Any], *, known: bool = False) -> TensorInfo:
    """A tensor as LiteRT describes it; its axes as the file says, or `known`: as memory was given for.

    Raises UnsupportedTensor when it is quantized per axis or not of a numeric dtype.
    """
    name = str(details["name"])
    dtype = np.dtype(details["dtype"])
    if dtype.kind not in "biuf":
        raise UnsupportedTensor(f'tensor "{name}": dtype {dtype.name} is not supported')
    scales = details["quantization_parameters"]["scales"]
    zero_points = details["quantization_parameters"]["zero_points"]
    if len(scales) > 1:
        raise UnsupportedTensor(f'tensor "{name}": an input or output quantized per axis is not supported')
    # A file of an older converter has no signature of a tensor without axes.
    axes = details["shape"] if known or not len(details["shape_signature"]) else details["shape_signature"]
    shape = [int(length) for length in axes]
    if shape and shape[0] == -1:
        shape[0] = 1
    return TensorInfo(
        name=name,
        shape=tuple(shape),
        dtype=dtype.name,
        scale=float(scales[0]) if len(scales) else 0.0,
        zero_point=int(zero_points[0]) if len(zero_points) else 0,
    )
