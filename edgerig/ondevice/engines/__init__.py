"""The inference runtimes, one module each, imported only when a job names them; each has a row in `build/formats.toml`.

Contract of an engine (see `Engine`): tensors cross it in the dtype the file's own tensors have; quantizing inputs and
dequantizing outputs is `tensors.py`'s work, outside the timed region. Setting inputs, invoking and reading outputs are
three calls so that the timer can stand around the inference alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of the file. `scale` 0.0: not quantized; else real = scale * (stored - zero_point), per tensor.

    A dynamic batch axis is given as 1; any other dynamic axis, and a length that the data decides, as -1.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Description:
    """What the loaded file is and how it is executed.

    `delegated`/`total` count the operators that run on the runtime's fast backend (None with `delegation_reason` when
    the runtime cannot tell); `undelegated` names the others, at most 20; `threads` is the count in force; `state` says
    what the file remembers from one inference to the next, as far as the runtime tells. `signature` is the entry of the
    file that is run (a signature of a TFLite file, a method of an ExecuTorch program), "" where it has no names for
    them; `signatures` are all it has. `compile_ns` is what of the load went into compiling the model for this
    processor, None where nothing is compiled.
    """

    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    runtime: str
    version: str
    threads: int
    delegated: int | None = None
    total: int | None = None
    delegation_reason: str = ""
    undelegated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: list[str] = field(default_factory=list)
    signature: str = ""
    signatures: list[str] = field(default_factory=list)
    compile_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class UnsupportedTensor(ValueError):
    """A tensor of the file that cannot be fed or read, by name."""


class UnknownSignature(ValueError):
    """A file has no entry of the name that was asked for; the message says which it has, as `known` does where the
    runtime tells them apart."""

    def __init__(self, message: str, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.known = tuple(known)


class Engine(Protocol):
    """One loaded model on one runtime. Not thread-safe. Arrays are C-contiguous."""

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Loads the file; the runtime's own threads are held to `threads`. `shapes` has one for each input, which its
        dynamic axes then have; () leaves them as they are. Raises what the runtime raises, and UnsupportedTensor."""

    def set_inputs(self, inputs: list[Array]) -> None:
        """Gives the inputs, one array per tensor, of exactly the file's shape and dtype, kept until replaced."""

    def invoke(self) -> None:
        """One inference on the inputs given last; callable repeatedly."""

    def outputs(self) -> list[Array]:
        """Copies of the outputs of the last `invoke`, in the file's dtype."""

    def describe(self) -> Description: ...


def create(module: str, options: dict[str, Any]) -> Engine:
    """The engine at "package.module:Class", its runtime imported. `options` are the class's own; without any it runs as
    the runtime does by default."""
    name, _, cls = module.partition(":")
    engine: Engine = getattr(importlib.import_module(name), cls)(**options)
    return engine


def entry_options(signature: str) -> dict[str, Any]:
    """What an engine is made with to run that entry of a file; nothing where it is the default."""
    return {"signature": signature} if signature else {}


def load(engine: Engine, path: str, threads: int, shapes: Shapes) -> None:
    """Loads the file; engines that know no `shapes` are asked for none where none are given."""
    if shapes:
        engine.load(path, threads, [tuple(shape) for shape in shapes])
    else:
        engine.load(path, threads)


def contiguous(array: Array, dtype: str) -> Array:
    """`array` as a C-contiguous array of `dtype`."""
    return np.asarray(array, dtype=np.dtype(dtype), order="C")  # `ascontiguousarray` gives what has no axes one
