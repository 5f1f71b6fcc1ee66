"""Which integers a model's inputs may hold, as far as its graph tells: an index must lie in the table it looks into.

Each kind of graph is read by a module of its own into the same `Step`s, in the order in which they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgerig.build.datasets.dataset import Tensor
from edgerig.build.source import SourceModel
from edgerig.registry import load_object

READERS = {
    "onnx": "edgerig.build.datasets.indices_onnx:steps",
    "tflite": "edgerig.build.datasets.indices_tflite:steps",
    "torch": "edgerig.build.datasets.indices_torch:steps",
    "keras": "edgerig.build.datasets.indices_tensorflow:steps",
    "saved_model": "edgerig.build.datasets.indices_tensorflow:steps",
}
"""Source → what gives the steps of a `SourceModel` of it."""
BYTES = ("int8", "uint8")
"""Integers that are pixels or quantized numbers where nothing says otherwise: all of theirs are drawn."""
FLAG = (0, 1)
"""Of any other integer nothing is known: what a mask holds, and what any table of two rows has."""


@dataclass(frozen=True)
class Gather:
    """`index` looks into a table and must be below `below`."""

    index: str
    below: int


@dataclass(frozen=True)
class Moved:
    """The integers of `output` are those of `inputs`, with `added` to each."""

    inputs: tuple[str, ...]
    output: str
    added: int = 0


Step = Gather | Moved


def below(steps: Iterable[Step]) -> dict[str, int]:
    """The bound of each value that comes to be an index. `steps` stand in the order of computing."""
    bounds: dict[str, int] = {}
    for step in reversed(list(steps)):
        if isinstance(step, Gather):
            bounds[step.index] = min(step.below, bounds.get(step.index, step.below))
        elif step.output in bounds:
            for name in step.inputs:
                wanted = bounds[step.output] - step.added
                bounds[name] = min(wanted, bounds.get(name, wanted))
    return bounds


def with_ranges(tensors: tuple[Tensor, ...], source: str, model: SourceModel) -> tuple[Tensor, ...]:
    """`tensors` with a range for each integer one that has none: what the graph's tables allow, else all bytes, else 0
    and 1."""
    if not any(_is_open(tensor) for tensor in tensors):
        return tensors
    reader = READERS.get(source)
    bounds = below(load_object(reader)(model)) if reader is not None else {}
    return tuple(_ranged(tensor, bounds) if _is_open(tensor) else tensor for tensor in tensors)


def told(before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> str:
    """What to say of ranges nobody gave, "" where none was needed: such as `; ids 0 to 99`."""
    found = [
        f"{new.name} {new.range[0]:g} to {new.range[1]:g}"
        for old, new in zip(before, after, strict=True)
        if new.range is not None and old.range is None
    ]
    return f"; {', '.join(found)}" if found else ""


def _is_open(tensor: Tensor) -> bool:
    return np.dtype(tensor.dtype).kind in "iu" and tensor.range is None


def _ranged(tensor: Tensor, bounds: Mapping[str, int]) -> Tensor:
    limits = np.iinfo(tensor.dtype)
    if tensor.name in bounds:
        largest = min(max(bounds[tensor.name] - 1, 0), int(limits.max))
        return replace(tensor, range=(0.0, float(largest)))
    if tensor.dtype in BYTES:
        return replace(tensor, range=(float(limits.min), float(limits.max)))
    return replace(tensor, range=FLAG)
