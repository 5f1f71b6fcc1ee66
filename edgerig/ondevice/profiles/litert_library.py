"""LiteRT's C interface, as far as a profile needs it: `libLiteRt.so` of the wheel, by ctypes.

The functions and structures are those of LiteRT 2.3.0 (litert/c/litert_*.h); `LiteRtRankedTensorType` is declared
stable there, the profiler's event is not: `VERSIONS` are those it was looked up for. Options are opaque texts of TOML,
each under the name its reader looks for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

from edgerig.ondevice.engines import Array

VERSIONS = ("2.3.0",)
CPU = 1
"""kLiteRtHwAcceleratorCpu."""
TO_WRITE = 1
"""kLiteRtTensorBufferLockModeWrite."""
MOST_AXES = 8
_Handle = ctypes.c_void_p


class _Layout(ctypes.Structure):
    """Of `rank_strides` the lower seven bits are the rank, the eighth says that there are strides."""

    _fields_ = [
        ("rank_strides", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * MOST_AXES),
        ("strides", ctypes.c_uint32 * MOST_AXES),
    ]


class _RankedTensorType(ctypes.Structure):
    _fields_ = [("element_type", ctypes.c_int32), ("layout", _Layout)]


class _MemoryUsage(ctypes.Structure):
    _fields_ = [("peak", ctypes.c_size_t), ("in_use", ctypes.c_size_t), ("allocated", ctypes.c_size_t)]


class ProfiledEvent(ctypes.Structure):
    """`LiteRtProfilerEvent`: times in microseconds of the library's clock. `second` is the subgraph. `first` is a
    kernel's node, and the place in its partition of an operator inside a delegate, whose `start` is 0."""

    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int32),
        ("start", ctypes.c_uint64),
        ("elapsed", ctypes.c_uint64),
        ("memory_before", _MemoryUsage),
        ("memory_after", _MemoryUsage),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
        ("source", ctypes.c_int32),
    ]


class LitertError(RuntimeError):
    """A function of LiteRT's failed; the message has its name and the status."""


class Library:
    """The loaded library; a call of it raises LitertError for any status but 0."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self._libc = ctypes.CDLL(None)
        self._libc.strdup.restype = ctypes.c_void_p
        self._libc.strdup.argtypes = [ctypes.c_char_p]

    def __call__(self, function: str, *arguments: Any) -> None:
        status = getattr(self._library, function)(*arguments)
        if status:
            raise LitertError(f"{function} gave status {status}")

    def bound(self, function: str) -> Any:
        """The C function itself, for a call that is timed."""
        return getattr(self._library, function)

    def made(self, function: str, *arguments: Any) -> _Handle:
        """What the function makes, of which the last parameter is where to put it."""
        handle = _Handle()
        self(function, *arguments, ctypes.byref(handle))
        return handle

    def size(self, function: str, *arguments: Any) -> int:
        found = ctypes.c_size_t()
        self(function, *arguments, ctypes.byref(found))
        return int(found.value)

    def text(self, function: str, *arguments: Any) -> str:
        found = ctypes.c_char_p()
        self(function, *arguments, ctypes.byref(found))
        return (found.value or b"").decode(errors="replace")

    def option(self, options: _Handle, name: bytes, toml: str) -> None:
        """Adds a text to the options, which frees it."""
        text = _Handle(self._libc.strdup(toml.encode()))
        opaque = _Handle()
        self("LiteRtCreateOpaqueOptions", name, text, ctypes.cast(self._libc.free, _Handle), ctypes.byref(opaque))
        self("LiteRtAddOpaqueOptions", options, opaque)


class CompiledModel:
    """A `.tflite` file's signature, compiled for the processor, with a profiler or without, and buffers for its
    tensors. It is never destroyed: the process ends with its profile."""

    def __init__(self, library: Library, path: str, signature: str, cpu_options: str, *, profiled: bool) -> None:
        self._library = library
        environment = self._environment = library.made("LiteRtCreateEnvironment", 0, None)
        self._model = library.made("LiteRtCreateModelFromFile", environment, path.encode())
        options = library.made("LiteRtCreateOptions")
        library("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(CPU))
        library.option(options, b"xnnpack", cpu_options)
        if profiled:
            library.option(options, b"runtime_options_string", "enable_profiling = true\n")
        self._compiled = library.made("LiteRtCreateCompiledModel", environment, self._model, options)
        self._index, self._signature = self._find(signature)
        self._inputs: Any = (_Handle * library.size("LiteRtGetNumSignatureInputs", self._signature))()
        self._outputs: Any = (_Handle * library.size("LiteRtGetNumSignatureOutputs", self._signature))()
        self.profiler = library.made("LiteRtCompiledModelGetProfiler", self._compiled) if profiled else _Handle()

    def _find(self, name: str) -> tuple[ctypes.c_size_t, _Handle]:
        """The signature of that name, "" the first."""
        count = self._library.size("LiteRtGetNumModelSignatures", self._model)
        for place in range(count):
            index = ctypes.c_size_t(place)
            signature = self._library.made("LiteRtGetModelSignature", self._model, index)
            if not name or self._library.text("LiteRtGetSignatureKey", signature) == name:
                return index, signature
        raise LitertError(f'the file has no signature "{name}"')

    def input_names(self) -> list[tuple[str, str]]:
        """Of each input what the signature and what the graph calls it, in the signature's order."""
        return list(self._names())

    def _names(self) -> Iterator[tuple[str, str]]:
        for place in range(len(self._inputs)):
            index = ctypes.c_size_t(place)
            tensor = self._library.made("LiteRtGetSignatureInputTensorByIndex", self._signature, index)
            named = self._library.text("LiteRtGetSignatureInputName", self._signature, index)
            yield named, self._library.text("LiteRtGetTensorName", tensor)

    def fill(self, arrays: Sequence[Array]) -> None:
        """Gives the inputs, in the signature's order, and memory to the outputs."""
        for place, array in enumerate(arrays):
            kind = self._type("Input", place)
            shape = tuple(kind.layout.dimensions[: kind.layout.rank_strides & (2**7 - 1)])
            if shape != array.shape:
                self._resize(place, array.shape)
                kind.layout.dimensions[: array.ndim] = array.shape
            buffer = self._buffer("Input", place, kind)
            memory = _Handle()
            self._library("LiteRtLockTensorBuffer", buffer, ctypes.byref(memory), ctypes.c_int(TO_WRITE))
            ctypes.memmove(memory, array.ctypes.data, array.nbytes)
            self._library("LiteRtUnlockTensorBuffer", buffer)
            self._inputs[place] = buffer.value
        for place in range(len(self._outputs)):
            self._outputs[place] = self._buffer("Output", place, self._type("Output", place)).value

    def _type(self, side: str, place: int) -> _RankedTensorType:
        index = ctypes.c_size_t(place)
        tensor = self._library.made(f"LiteRtGetSignature{side}TensorByIndex", self._signature, index)
        kind = _RankedTensorType()
        self._library("LiteRtGetRankedTensorType", tensor, ctypes.byref(kind))
        return kind

    def _resize(self, place: int, shape: tuple[int, ...]) -> None:
        lengths = (ctypes.c_int * len(shape))(*shape)
        where = (self._compiled, self._index, ctypes.c_size_t(place))
        self._library("LiteRtCompiledModelResizeInputTensor", *where, lengths, ctypes.c_size_t(len(shape)))

    def _buffer(self, side: str, place: int, kind: _RankedTensorType) -> _Handle:
        where = (self._compiled, self._index, ctypes.c_size_t(place))
        requirements = self._library.made(f"LiteRtGetCompiledModel{side}BufferRequirements", *where)
        return self._library.made(
            "LiteRtCreateManagedTensorBufferFromRequirements", self._environment, ctypes.byref(kind), requirements
        )

    def runner(self) -> Any:
        """A call of which is one inference; it gives the status."""
        run = self._library.bound("LiteRtRunCompiledModel")
        inputs, outputs = ctypes.c_size_t(len(self._inputs)), ctypes.c_size_t(len(self._outputs))
        arguments = (self._compiled, self._index, inputs, self._inputs, outputs, self._outputs)
        return lambda: run(*arguments)

    def start(self) -> None:
        self._library("LiteRtResetProfiler", self.profiler)
        self._library("LiteRtStartProfiler", self.profiler)

    def stop(self) -> list[ProfiledEvent]:
        """What was told since `start`; texts live until the next one."""
        self._library("LiteRtStopProfiler", self.profiler)
        count = ctypes.c_int()
        self._library("LiteRtGetNumProfilerEvents", self.profiler, ctypes.byref(count))
        events = (ProfiledEvent * count.value)()
        self._library("LiteRtGetProfilerEvents", self.profiler, count, events)
        return list(events)
