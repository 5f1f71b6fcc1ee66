"""ExecuTorch through the Python binding of its wheel."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array, TensorInfo, UnknownSignature
from edgerig.ondevice.engines.executorch_tensors import NO_METHOD, dtype_of, refused

WHEEL_NOTE = (
    "run through the wheel's Python binding: memory and start-up include torch, and each inference includes the "
    "binding's copies of inputs and outputs (compile the runner to be rid of both)"
)


class WheelBinding:
    """`executorch.runtime` of the wheel, which imports torch."""

    invoke: Callable[[], None]

    def __init__(self) -> None:
        import torch
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime

        self._torch: Any = torch
        self._pool: Any = portable_lib
        self._runtime: Any = Runtime.get()
        self.inputs: list[TensorInfo] = []
        self.outputs: list[TensorInfo] = []

    def load(self, path: str, method: str, threads: int) -> None:
        self._pool._unsafe_reset_threadpool(threads)
        # The program owns what the method points into, so it is kept for as long.
        self._program = self._runtime.load_program(path)
        if method not in self._program.method_names:
            known = sorted(self._program.method_names)
            raise UnknownSignature(f'{NO_METHOD} "{method}"; it has: {", ".join(known)}', known)
        loaded = self._program.load_method(method)
        meta = loaded.metadata
        self.inputs = [_tensor(meta.input_tensor_meta(i), f"input{i}") for i in range(meta.num_inputs())]
        self.outputs = [_tensor(meta.output_tensor_meta(i), f"output{i}") for i in range(meta.num_outputs())]
        self._arguments: list[Any] = []
        self._results: list[Any] = []

        def invoke() -> None:
            self._results = loaded.execute(self._arguments)

        self.invoke = invoke

    def resize(self, shapes: list[tuple[int, ...]]) -> None:
        """The binding says nothing of lengths that may differ: what it refuses is tried."""
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if any(length > largest for length, largest in zip(shape, tensor.shape, strict=True)):
                raise ValueError(refused(tensor, shape, "it is larger"))
        self.inputs = [replace(tensor, shape=shape) for tensor, shape in zip(self.inputs, shapes, strict=True)]
        self.set_inputs([np.zeros(tensor.shape, tensor.dtype) for tensor in self.inputs])
        try:
            self.invoke()
        except RuntimeError as error:
            raise ValueError(f"the program does not run with inputs of {shapes}: {error}") from error
        found = self.read_outputs()
        self.outputs = [replace(tensor, shape=value.shape) for tensor, value in zip(self.outputs, found, strict=True)]

    def methods(self) -> list[str]:
        return sorted(self._program.method_names)

    def set_inputs(self, inputs: list[Array]) -> None:
        self._arguments = [self._torch.from_numpy(array.copy()) for array in inputs]

    def read_outputs(self) -> list[Array]:
        return [result.numpy().copy() for result in self._results]

    def version(self) -> str:
        return importlib.metadata.version("executorch")

    def threads(self) -> int:
        return int(self._pool._threadpool_get_thread_count())

    def notes(self) -> list[str]:
        return [WHEEL_NOTE]


def _tensor(meta: Any, name: str) -> TensorInfo:
    return TensorInfo(name=name, shape=tuple(meta.sizes()), dtype=dtype_of(int(meta.dtype()), name))
