"""What the engines on PyTorch share: a callable of tensors, loaded from a file in each one's own way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo
from edgerig.ondevice.engines.own_tensors import check_fixed, read
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import check_inputs

Network = Callable[..., Any]
SPLIT = 1 << 20
"""Numbers in a loop that PyTorch splits among its threads (at::internal::GRAIN_SIZE is 32,768)."""


class TorchEngine:
    """An engine that says how its file is opened (`_opened`) and, where it compiles, how (`_compiled`). The inference
    is a call in inference mode, which is what one writes to deploy a network."""

    compiles: ClassVar[bool] = False
    runtime: ClassVar[str] = "PyTorch"
    notes: ClassVar[tuple[str, ...]] = ()

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises PyTorch's own exceptions, and UnsupportedTensor."""
        torch.set_num_threads(threads)
        with contextlib.suppress(RuntimeError):  # PyTorch takes it once, before anything has run in parallel
            torch.set_num_interop_threads(1)
        if threads > 1:
            torch.ones(SPLIT).sum()  # its threads begin with the first loop that is split, others' when they load
        network, tensors = self._opened(path)
        self._inputs, self._outputs = read(tensors)
        check_fixed(self._inputs, shapes)
        begin = time.perf_counter_ns()
        with torch.inference_mode():
            self._network = self._compiled(network, tuple(map(_zeros, self._inputs)))
        self._compile_ns = time.perf_counter_ns() - begin if self.compiles else None

    def _opened(self, path: str) -> tuple[Network, str | bytes]:
        """The file's network, and what it notes of its tensors."""
        raise NotImplementedError

    def _compiled(self, network: Network, inputs: tuple[torch.Tensor, ...]) -> Network:
        return network

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._inputs)
        self._given = tuple(torch.from_numpy(np.array(array, order="C")) for array in inputs)

    def invoke(self) -> None:
        with torch.inference_mode():
            self._found = self._network(*self._given)

    def outputs(self) -> list[Array]:
        return [np.array(value.numpy(), order="C") for value in torch.utils._pytree.tree_leaves(self._found)]

    def describe(self) -> Description:
        return Description(
            inputs=self._inputs,
            outputs=self._outputs,
            runtime=self.runtime,
            version=torch.__version__,
            threads=torch.get_num_threads(),
            delegation_reason="PyTorch runs every operator itself: nothing is delegated",
            notes=list(self.notes),
            state=fed_back(self._inputs, self._outputs),
            compile_ns=self._compile_ns,
        )


def _zeros(tensor: TensorInfo) -> torch.Tensor:
    return torch.from_numpy(np.zeros(tensor.shape, tensor.dtype))
