"""What the engines on TensorFlow share: its threads, and inferences of a callable of tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from edgerig.ondevice.engines import Array, Description, Shapes
from edgerig.ondevice.engines.own_tensors import check_fixed, read
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import check_inputs

Network = Callable[..., list[Any]]


class TensorflowEngine:
    """An engine that says how its file is opened. An inference ends when its outputs are there: on a CPU TensorFlow
    computes in the call."""

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises TensorFlow's own exceptions, and UnsupportedTensor."""
        _hold(threads)
        self._network, tensors = self._opened(path)
        self._inputs, self._outputs = read(tensors)
        check_fixed(self._inputs, shapes)

    def _opened(self, path: str) -> tuple[Network, str | bytes]:
        """The file's network, and what is noted in it of its tensors."""
        raise NotImplementedError

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._inputs)
        self._given = tuple(tf.constant(np.array(array, order="C")) for array in inputs)

    def invoke(self) -> None:
        self._found = self._network(*self._given)

    def outputs(self) -> list[Array]:
        return [np.array(value.numpy(), order="C") for value in self._found]

    def describe(self) -> Description:
        return Description(
            inputs=self._inputs,
            outputs=self._outputs,
            runtime="TensorFlow",
            version=tf.__version__,
            threads=tf.config.threading.get_intra_op_parallelism_threads(),
            delegation_reason="TensorFlow runs every operator itself: nothing is delegated",
            state=fed_back(self._inputs, self._outputs),
        )


def _hold(threads: int) -> None:
    """TensorFlow takes them once, before it has computed anything: as in a build's process, where its source has."""
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
