"""What a network remembers between inferences, on the host: which of its tensors are fed, and its state over a stream
of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

import numpy as np

from edgerig.ondevice.engines import Array, TensorInfo
from edgerig.ondevice.stream import Fed, initial
from edgerig.spec import ModelSpec, TensorSpec

Network = Callable[[list[Array]], Sequence[Array]]
"""One array an input, of one sample, to one array an output."""


def kept_outputs(fed: Iterable[Fed]) -> set[int]:
    return {each.output for each in fed if each.keep}


def outside(spec: ModelSpec, fed: Sequence[Fed]) -> ModelSpec:
    """The model as data and results see it: without the fed inputs, and the outputs they come from."""
    taken, gone = {each.input for each in fed}, {each.output for each in fed} - kept_outputs(fed)
    return spec.model_copy(
        update={
            "inputs": tuple(t for place, t in enumerate(spec.inputs) if place not in taken),
            "outputs": tuple(t for place, t in enumerate(spec.outputs) if place not in gone),
        }
    )


class Memory:
    """A network's state over a stream of samples, one batch of one at a time. `samples` counts since the beginning."""

    def __init__(
        self, spec: ModelSpec, fed: Sequence[Fed], network: Network, anew: Callable[[], None] | None = None
    ) -> None:
        """`anew` takes what the network keeps itself back to its beginning."""
        self._spec, self._network, self._anew = spec, network, anew
        self.fed, self.outside = tuple(fed), outside(spec, fed)
        self._gone = {each.output for each in fed} - kept_outputs(fed)
        self.kept: list[list[Array]] | None = None
        """All inputs of each sample, where somebody wants them."""
        self.restart()

    def restart(self, lengths: Sequence[int] | None = None) -> None:
        """To the beginning of a stream; where its samples are steps of sequences, `lengths` are those of these."""
        self.samples = 0
        self._ends = None if lengths is None else frozenset(accumulate(map(int, lengths)))
        self._start()

    def _begins(self) -> bool:
        """Is the next sample one before which the state is started anew?"""
        stream = self._spec.stream
        if stream is None or stream.reset == "never" or not self.samples:
            return False
        if self._ends is not None:
            return self.samples in self._ends
        return self.samples % (stream.length or 1) == 0

    def _start(self) -> None:
        if self._anew is not None:
            self._anew()
        self._state = {each.input: initial(each, info(self._spec.inputs[each.input])) for each in self.fed}

    def __call__(self, given: list[Array]) -> list[Array]:
        """One sample's results."""
        if self._begins():
            self._start()
        self.samples += 1
        rest = iter(given)
        whole = [self._state[i] if i in self._state else next(rest) for i in range(len(self._spec.inputs))]
        if self.kept is not None:
            self.kept.append([np.array(array) for array in whole])
        found = self._network([np.array(array, order="C") for array in whole])
        for each in self.fed:
            tensor = self._spec.inputs[each.input]
            self._state[each.input] = np.array(found[each.output], np.dtype(tensor.dtype), order="C")
        return [np.asarray(value) for place, value in enumerate(found) if place not in self._gone]


def info(tensor: TensorSpec) -> TensorInfo:
    return TensorInfo(tensor.name, tensor.shape, tensor.dtype)
