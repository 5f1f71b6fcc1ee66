"""ExecuTorch, through the rig's own C++ runner where one was built, else through the wheel's Python binding.

The runner (`native/executorch_runner.cc`) needs neither torch nor the wheel's Python side. The wheel's binding imports
torch, whose memory and start-up then stand in every figure.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from edgerig.ondevice.engines import (
    Array,
    Description,
    Shapes,
    TensorInfo,
    UnknownSignature,
    contiguous,
)
from edgerig.ondevice.engines.executorch_tensors import NO_METHOD, dtype_of, refused
from edgerig.ondevice.engines.executorch_wheel import WheelBinding
from edgerig.ondevice.tensors import check_inputs

METHOD = "forward"
"""What is run where no method is chosen."""
ERRORS = {
    0x20: "a backend or an operator the program needs is not there; XNNPACK also needs "
    "/sys/devices/system/cpu/{possible,present,online}",
}
"""What an error code (executorch/runtime/core/error.h) has been found to mean, where the runtime does not say."""
UNKNOWN_DELEGATION = "which operators a backend took over is known when the program is built, not at run time"


class ExecutorchError(RuntimeError):
    """A failure inside ExecuTorch; `code` is its error code."""

    def __init__(self, code: int, text: str) -> None:
        meaning = f" ({ERRORS[code]})" if code in ERRORS else ""
        super().__init__(f"ExecuTorch error 0x{code:x}{meaning}: {text}")
        self.code = code


class Binding(Protocol):
    """A way into the runtime with one program loaded; `invoke` is bound by `load`."""

    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    invoke: Callable[[], None]

    def load(self, path: str, method: str, threads: int) -> None: ...

    def resize(self, shapes: list[tuple[int, ...]]) -> None:
        """Gives the inputs these shapes; the outputs' are then known after an inference. Raises as `load`."""
        ...

    def methods(self) -> list[str]: ...

    def set_inputs(self, inputs: list[Array]) -> None: ...

    def read_outputs(self) -> list[Array]: ...

    def version(self) -> str: ...

    def threads(self) -> int: ...

    def notes(self) -> list[str]: ...


class ExecutorchEngine:
    """A `.pte` file's method `signature`. `library` is the compiled runner's path; None: the wheel's binding."""

    invoke: Callable[[], None]

    def __init__(self, library: str | None = None, signature: str = METHOD) -> None:
        self._method = signature
        self._binding: Binding = WheelBinding() if library is None else NativeBinding(library)

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises ExecutorchError (the runner) or RuntimeError (the wheel), each with ExecuTorch's error code,
        UnknownSignature, and ValueError for `shapes` that it was not exported for. Its own are the largest it takes."""
        self._binding.load(path, self._method, threads)
        own = [tensor.shape for tensor in self._binding.inputs]
        if shapes and list(shapes) != own:
            if [len(shape) for shape in shapes] != [len(shape) for shape in own]:
                raise ValueError(f"the program takes inputs of {own}, {list(shapes)} have other axes")
            self._binding.resize(list(shapes))
        self.invoke = self._binding.invoke

    @property
    def runner(self) -> Runner | None:
        """The loaded program, None through the wheel's binding."""
        return self._binding._runner if isinstance(self._binding, NativeBinding) else None

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._binding.inputs)
        self._binding.set_inputs(inputs)

    def outputs(self) -> list[Array]:
        return self._binding.read_outputs()

    def describe(self) -> Description:
        return Description(
            inputs=self._binding.inputs,
            outputs=self._binding.outputs,
            runtime="ExecuTorch",
            version=self._binding.version(),
            threads=self._binding.threads(),
            delegation_reason=UNKNOWN_DELEGATION,
            notes=self._binding.notes(),
            signature=self._method,
            signatures=self._binding.methods(),
        )


class TensorMeta(ctypes.Structure):
    """`TensorMeta` of executorch_runner.cc."""

    _fields_ = [
        ("nbytes", ctypes.c_uint64),
        ("scalar_type", ctypes.c_uint32),
        ("planned", ctypes.c_uint32),
        ("ndim", ctypes.c_uint32),
        ("sizes", ctypes.c_int32 * 16),
        ("dim_order", ctypes.c_uint32 * 16),
    ]


class Layout(NamedTuple):
    """How a tensor lies in memory: `dim_order` lists its axes from outermost to innermost."""

    shape: tuple[int, ...]
    dim_order: tuple[int, ...]

    def to_memory(self, array: Array) -> Array:
        return np.asarray(array.transpose(self.dim_order), order="C")

    def from_memory(self, memory: Array) -> Array:
        stored = memory.reshape([self.shape[axis] for axis in self.dim_order])
        return np.asarray(stored.transpose([self.dim_order.index(axis) for axis in range(len(self.shape))]), order="C")


class Runner:
    """A program loaded by the C++ runner, destroyed with the last reference to it."""

    def __init__(self, library: ctypes.CDLL, path: str, method: str) -> None:
        self.library = library
        self.address = ctypes.c_void_p()
        self.check(library.edgerig_et_load(path.encode(), method.encode(), ctypes.byref(self.address)))

    def __del__(self) -> None:
        if self.address:
            self.library.edgerig_et_destroy(self.address)

    def check(self, code: int) -> None:
        _check(self.library, code)

    def tensors(self, output: int) -> list[TensorMeta]:
        """The inputs (`output` 0) or outputs (1)."""
        metas = []
        for i in range(self.library.edgerig_et_count(self.address, output)):
            meta = TensorMeta()
            self.check(self.library.edgerig_et_tensor(self.address, output, i, ctypes.byref(meta)))
            metas.append(meta)
        return metas

    def methods(self) -> list[str]:
        count = self.library.edgerig_et_method_count(self.address)
        return [self.library.edgerig_et_method(self.address, i).decode() for i in range(count)]

    def resize(self, index: int, shape: tuple[int, ...]) -> None:
        sizes = (ctypes.c_int32 * len(shape))(*shape)
        self.check(self.library.edgerig_et_resize(self.address, index, sizes, len(shape)))

    def output_shape(self, index: int) -> tuple[int, ...]:
        """Since the last inference."""
        sizes, ndim = (ctypes.c_int32 * 16)(), ctypes.c_size_t()
        self.check(self.library.edgerig_et_output_sizes(self.address, index, sizes, 16, ctypes.byref(ndim)))
        return tuple(sizes[: ndim.value])

    def backends(self) -> list[str]:
        count = self.library.edgerig_et_backend_count(self.address)
        return [self.library.edgerig_et_backend(self.address, i).decode() for i in range(count)]


class NativeBinding:
    """The C++ runner, through ctypes."""

    invoke: Callable[[], None]

    def __init__(self, library: str) -> None:
        self._library = _library(library)
        self.inputs: list[TensorInfo] = []
        self.outputs: list[TensorInfo] = []

    def load(self, path: str, method: str, threads: int) -> None:
        _check(self._library, self._library.edgerig_et_set_threads(threads))
        runner = self._runner = Runner(self._library, path, method)
        inputs, outputs = runner.tensors(0), runner.tensors(1)
        self.inputs = [_tensor(meta, f"input{i}") for i, meta in enumerate(inputs)]
        self.outputs = [_tensor(meta, f"output{i}") for i, meta in enumerate(outputs)]
        self._input_layouts = [_layout(meta) for meta in inputs]
        self._output_layouts = [_layout(meta) for meta in outputs]
        self._resized = False
        self._planned_bytes = sum(meta.nbytes for meta in inputs if meta.planned)
        # The address is a c_void_p and the function has no argtypes: ctypes then has nothing to convert in a call.
        execute = partial(self._library.edgerig_et_execute, runner.address)

        def invoke() -> None:
            code = execute()
            if code:
                runner.check(code)

        self.invoke = invoke

    def resize(self, shapes: list[tuple[int, ...]]) -> None:
        for index, (shape, tensor) in enumerate(zip(shapes, self.inputs, strict=True)):
            try:
                self._runner.resize(index, shape)
            except ExecutorchError as error:
                raise ValueError(refused(tensor, shape, str(error))) from error
        self.inputs = [replace(tensor, shape=shape) for tensor, shape in zip(self.inputs, shapes, strict=True)]
        self._input_layouts = [each._replace(shape=s) for each, s in zip(self._input_layouts, shapes, strict=True)]
        self.outputs, self._resized = [_open(tensor) for tensor in self.outputs], True

    def methods(self) -> list[str]:
        return self._runner.methods()

    def set_inputs(self, inputs: list[Array]) -> None:
        for i, (array, tensor, layout) in enumerate(zip(inputs, self.inputs, self._input_layouts, strict=True)):
            memory = layout.to_memory(contiguous(array, tensor.dtype))
            pointer = memory.ctypes.data_as(ctypes.c_void_p)
            self._runner.check(self._library.edgerig_et_set_input(self._runner.address, i, pointer, memory.nbytes))

    def read_outputs(self) -> list[Array]:
        if self._resized:
            shapes = [self._runner.output_shape(i) for i in range(len(self.outputs))]
            self.outputs = [replace(tensor, shape=shape) for tensor, shape in zip(self.outputs, shapes, strict=True)]
            self._output_layouts = [
                each._replace(shape=s) for each, s in zip(self._output_layouts, shapes, strict=True)
            ]
        arrays = []
        for i, (tensor, layout) in enumerate(zip(self.outputs, self._output_layouts, strict=True)):
            memory = np.empty(math.prod(tensor.shape), tensor.dtype)
            pointer = memory.ctypes.data_as(ctypes.c_void_p)
            self._runner.check(self._library.edgerig_et_get_output(self._runner.address, i, pointer, memory.nbytes))
            arrays.append(layout.from_memory(memory))
        return arrays

    def version(self) -> str:
        return str(self._library.edgerig_et_version().decode())

    def threads(self) -> int:
        return int(self._library.edgerig_et_threads())

    def notes(self) -> list[str]:
        counts = Counter(self._runner.backends())  # one entry for each delegated part of the program
        names = ", ".join(f"{name} ({count} parts)" if count > 1 else name for name, count in counts.items())
        notes = [f"backends used: {names}" if names else "no backend is used: every operator runs on a CPU kernel"]
        if self._planned_bytes:
            notes.append(f"the memory plan holds the inputs: each inference copies {self._planned_bytes} bytes in")
        return notes


def _open(tensor: TensorInfo) -> TensorInfo:
    """An output of inputs that were resized, as far as it is known before an inference."""
    return replace(tensor, shape=tuple(length if length == 1 else -1 for length in tensor.shape))


def _library(path: str) -> ctypes.CDLL:
    """The runner's functions with their types. Raises OSError when the library or one it needs does not load."""
    library = ctypes.CDLL(path)
    runner, size, word = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
    signatures: dict[str, tuple[Any, list[Any] | None]] = {
        "error": (ctypes.c_char_p, []),
        "version": (ctypes.c_char_p, []),
        "set_threads": (word, [word]),
        "threads": (word, []),
        "load": (word, [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(runner)]),
        "method_count": (size, [runner]),
        "method": (ctypes.c_char_p, [runner, size]),
        "destroy": (None, [runner]),
        "count": (size, [runner, word]),
        "tensor": (word, [runner, word, size, ctypes.POINTER(TensorMeta)]),
        "backend_count": (size, [runner]),
        "backend": (ctypes.c_char_p, [runner, size]),
        "resize": (word, [runner, size, ctypes.POINTER(ctypes.c_int32), size]),
        "output_sizes": (
            word,
            [runner, size, ctypes.POINTER(ctypes.c_int32), size, ctypes.POINTER(ctypes.c_size_t)],
        ),
        "set_input": (word, [runner, size, runner, size]),
        "get_output": (word, [runner, size, runner, size]),
        "execute": (word, None),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"edgerig_et_{name}")
        function.restype = result
        if arguments is not None:
            function.argtypes = arguments
    return library


def _check(library: ctypes.CDLL, code: int) -> None:
    """Raises ExecutorchError when `code` is one, UnknownSignature when it says that there is no such method."""
    if code:
        text = library.edgerig_et_error().decode(errors="replace")
        raise UnknownSignature(text) if text.startswith(NO_METHOD) else ExecutorchError(code, text)


def _tensor(meta: TensorMeta, name: str) -> TensorInfo:
    return TensorInfo(name=name, shape=_layout(meta).shape, dtype=dtype_of(meta.scalar_type, name))


def _layout(meta: TensorMeta) -> Layout:
    return Layout(tuple(meta.sizes[: meta.ndim]), tuple(meta.dim_order[: meta.ndim]))
