"""A TFLite file as its flatbuffer holds it: operators, constants, signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.build.formats import converting
from edgerig.build.tflite_codes import builtin


@dataclass(frozen=True)
class Operator:
    """An operator of a graph's subgraph `subgraph`; tensors by index, inputs left out are not there."""

    subgraph: int
    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(path: Path) -> Any:
    """The file's flatbuffer as a `schema.ModelT`. Raises BuildError when it is not one.

    Read whole: flatbuffer_utils.read_model maps the file, whose arrays change when it is written anew.
    """
    with converting(f"reading {path.name} back"):
        return flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))


def write(graph: Any, path: Path) -> None:
    flatbuffer_utils.write_model(graph, str(path))


def walk(graph: Any) -> Iterator[Operator]:
    """Every operator of every subgraph, in the order they run."""
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            name = OPERATORS[builtin(graph, operator)]
            inputs = tuple(int(i) for i in operator.inputs if i >= 0)
            yield Operator(number, index, name, inputs, tuple(int(i) for i in operator.outputs if i >= 0))


def operators(graph: Any) -> list[tuple[str, frozenset[str]]]:
    """Every operator: its name and the dtypes of its inputs and outputs."""
    return [
        (each.name, frozenset(dtype(graph, each, i) for i in (*each.inputs, *each.outputs))) for each in walk(graph)
    ]


def dtype(graph: Any, operator: Operator, tensor: int) -> str:
    """numpy's name of the dtype of one of the operator's tensors ("int4" has none there)."""
    return _DTYPES[graph.subgraphs[operator.subgraph].tensors[tensor].type]


def constant(graph: Any, operator: Operator, tensor: int) -> npt.NDArray[Any] | None:
    """The value of one of the operator's tensors, where it is a constant of float32."""
    found = graph.subgraphs[operator.subgraph].tensors[tensor]
    data = graph.buffers[found.buffer].data
    if data is None or not len(data) or _DTYPES[found.type] != "float32":
        return None
    shape = () if found.shape is None else tuple(int(length) for length in found.shape)
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32).reshape(shape)


def constants(graph: Any) -> dict[str, int]:
    """Bytes of constant tensors by dtype ("int4" packed two to a byte), a shared buffer counted once."""
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            data = graph.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                sizes[_DTYPES[tensor.type]] += len(data)
    return dict(sizes)


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if not name.startswith("_")}


_DTYPES = {value: name.lower() for value, name in _names(schema.TensorType).items()}
OPERATORS = _names(schema.BuiltinOperator)
"""BuiltinOperator's codes (schema.fbs) → their names."""
