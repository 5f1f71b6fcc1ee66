"""A network with state, run over a stream: inputs fed from outputs, and what starts it anew.

Outside of it such a file looks like one that keeps its state itself: the fed inputs and the outputs they come from are
hidden, and `restart` is what a fresh load is. Values are handed back between inferences, as inputs are set: the timer
stands around the inference alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array, Description, Engine, TensorInfo
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import dequantize, quantize

Initial = float | list[Any]


@dataclass(frozen=True)
class Fed:
    """The file's input number `input` is fed from its output number `output` of the inference before; `initial` is what
    it has in the first one, a real number for all of it or nested lists of its shape. `keep`: the output is a result as
    well. `names` is how the model calls the two, where the file has names of its own."""

    output: int
    input: int
    initial: Initial = 0.0
    keep: bool = False
    names: str = ""


class Streamed:
    """An engine whose fed inputs nobody else sees; with none it is the engine, which can be started anew."""

    def __init__(self, engine: Engine, fed: Sequence[Fed]) -> None:
        self._engine = engine
        self._fed = tuple(fed)
        self._given: list[Array] = []

    @property
    def invoke(self) -> Callable[[], None]:
        """The engine's own, as it is now."""
        return self._engine.invoke

    def load(self, path: str, threads: int, *further: Any) -> None:
        """Raises what the engine raises, and ValueError when the file lacks a tensor that is fed."""
        self._again: Callable[[], None] = partial(self._engine.load, path, threads, *further)
        self._again()
        described = self._engine.describe()
        self._inputs, self._outputs = described.inputs, described.outputs
        for each in self._fed:
            if each.input >= len(self._inputs) or each.output >= len(self._outputs):
                raise ValueError(f"input {each.input} cannot be fed from output {each.output}: the file lacks one")
        self._loads_anew = bool(kept_by_itself(described)) or not self._fed
        self._start()

    def _start(self) -> None:
        self._state = {each.input: initial(each, self._inputs[each.input]) for each in self._fed}

    def restart(self) -> None:
        """What a fresh load is. It is one where the file keeps state itself: no runtime resets all it can keep."""
        if self._loads_anew:
            self._again()
        self._start()

    def set_inputs(self, inputs: list[Array]) -> None:
        given = iter(inputs)
        places = range(len(self._inputs))
        self._engine.set_inputs([self._state[i] if i in self._state else next(given) for i in places])

    def outputs(self) -> list[Array]:
        """Those that are results; what the others hold is the next inputs' state."""
        found = self._engine.outputs()
        self._state = {each.input: self._handed(each, found[each.output]) for each in self._fed}
        return _results(found, self._fed)

    def _handed(self, each: Fed, value: Array) -> Array:
        source, target = self._outputs[each.output], self._inputs[each.input]
        if (source.dtype, source.scale, source.zero_point) == (target.dtype, target.scale, target.zero_point):
            return value
        return quantize(dequantize(value, source), target)

    def describe(self) -> Description:
        return hidden(self._engine.describe(), self._fed)


def hidden(described: Description, fed: Sequence[Fed]) -> Description:
    """The file as it looks from outside: without the fed inputs and the outputs they come from."""
    if not fed:
        return described
    taken = {each.input for each in fed}
    inputs = [tensor for place, tensor in enumerate(described.inputs) if place not in taken]
    told = [f"{each.names or _names(described, each)} ({_written(each.initial)} at first)" for each in fed]
    state = told + kept_by_itself(described)
    return replace(described, inputs=inputs, outputs=_results(described.outputs, fed), state=state)


def _names(described: Description, fed: Fed) -> str:
    return f'"{described.inputs[fed.input].name}" from "{described.outputs[fed.output].name}"'


def kept_by_itself(described: Description) -> list[str]:
    """What the file remembers without anybody feeding it."""
    known = set(fed_back(described.inputs, described.outputs))
    return [line for line in described.state if line not in known]


def _results(outputs: Sequence[Any], fed: Sequence[Fed]) -> list[Any]:
    gone = {each.output for each in fed} - {each.output for each in fed if each.keep}
    return [output for place, output in enumerate(outputs) if place not in gone]


def initial(fed: Fed, tensor: TensorInfo) -> Array:
    """The state before the first inference, as the file's tensor; an axis of no known length has length 1."""
    shape = tuple(1 if length == -1 else length for length in tensor.shape)
    dtype = np.dtype(tensor.dtype) if np.dtype(tensor.dtype).kind in "biu" and tensor.scale == 0.0 else np.float32
    values = np.asarray(fed.initial, dtype=dtype)
    return quantize(np.array(np.broadcast_to(values, shape), order="C"), tensor)


def _written(value: Initial) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "given numbers"


def streamed(engine: Engine, fed: Sequence[Fed], resets: Sequence[int]) -> Engine:
    """The engine, not loaded yet, as a stream is run through it; itself where nothing is fed or started anew."""
    return Streamed(engine, fed) if fed or resets else engine


def start_anew(engine: Engine) -> None:
    """Takes a streamed engine's state back to its beginning."""
    if isinstance(engine, Streamed):
        engine.restart()
