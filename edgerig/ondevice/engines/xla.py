"""A network that XLA compiled ahead of time: a shared library with a C interface, behind whose last byte stands a note
of its tensors. TensorFlow is neither needed nor there.

Opening it loads machine code into this process. A library that was cut would end the process with a signal, which the
note's place tells before it is opened.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import weakref
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo, UnsupportedTensor
from edgerig.ondevice.engines.own_tensors import check_fixed, read
from edgerig.ondevice.state_tensors import fed_back
from edgerig.ondevice.tensors import check_inputs

MAGIC = b"edgeXLA1"
TRAILER = struct.Struct("<8sQ")
"""Behind the note: the magic, and how many bytes of note stand before it."""
LARGEST_NOTE = 2**20
VERSION = "version"
"""Of TensorFlow, whose XLA compiled the file: beside the tensors in the note."""
MACHINES = {"x86_64": 62, "aarch64": 183}
"""A processor, as its kernel calls it → its number in a library's header."""
NOT_WHOLE = "it is no whole library of edgerig's: the note of its tensors is not at its end"


class XlaEngine:
    """One program with buffers of its own. It computes on the thread that calls it, however many are asked for."""

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises OSError for a library of another processor, ValueError and UnsupportedTensor for what is none."""
        self._noted = noted(path)
        _require_here(path)
        self._inputs, self._outputs = read(self._noted)
        check_fixed(self._inputs, shapes)
        library = _library(path)
        self._program = library.edgerig_xla_open()
        if not self._program:
            raise MemoryError("the buffers of the program could not be allocated")
        weakref.finalize(self, library.edgerig_xla_close, self._program)
        self._run = library.edgerig_xla_run
        self._given = [_buffer(self._program, library.edgerig_xla_input, *each) for each in enumerate(self._inputs)]
        self._found = [_buffer(self._program, library.edgerig_xla_output, *each) for each in enumerate(self._outputs)]
        missing = [tensor.name for tensor, buffer in zip(self._outputs, self._found, strict=True) if buffer is None]
        if missing:
            raise UnsupportedTensor(f"the program has no output {', '.join(missing)}, which its note names")

    def set_inputs(self, inputs: list[Array]) -> None:
        check_inputs(inputs, self._inputs)
        for buffer, array in zip(self._given, inputs, strict=True):
            if buffer is not None:  # else nothing in the network reads it
                np.copyto(buffer, array)

    def invoke(self) -> None:
        if not self._run(self._program):
            raise RuntimeError("the program says that it failed, and not why")

    def outputs(self) -> list[Array]:
        return [np.array(buffer) for buffer in self._found]

    def describe(self) -> Description:
        return Description(
            inputs=self._inputs,
            outputs=self._outputs,
            runtime="XLA, ahead of time",
            version=version_of(self._noted),
            threads=1,
            delegation_reason="XLA compiled the whole network to one program: there is nothing to delegate to",
            state=fed_back(self._inputs, self._outputs),
        )


def noted(path: str) -> bytes:
    """The note behind the library. Raises OSError, and ValueError where there is none."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < TRAILER.size:
            raise ValueError(NOT_WHOLE)
        file.seek(size - TRAILER.size)
        magic, length = TRAILER.unpack(file.read(TRAILER.size))
        if magic != MAGIC or not 0 < length <= min(LARGEST_NOTE, size - TRAILER.size):
            raise ValueError(NOT_WHOLE)
        file.seek(size - TRAILER.size - length)
        return file.read(length)


def _require_here(path: str) -> None:
    """Raises OSError for another processor's library, which the dynamic loader says is not there, and ValueError for
    what is none. The header is that of elf(5)."""
    with open(path, "rb") as file:
        header = file.read(20)
    if header[:4] != b"\x7fELF":
        raise ValueError(NOT_WHOLE)
    machine, here = int.from_bytes(header[18:20], "little"), platform.machine()
    if here in MACHINES and MACHINES[here] != machine:
        theirs = next((name for name, number in MACHINES.items() if number == machine), f"machine {machine}")
        raise OSError(f"the library is machine code for {theirs}, and this processor is {here}")


def version_of(note: bytes) -> str:
    found = json.loads(note)
    return str(found.get(VERSION, "0"))[:40]


def _library(path: str) -> Any:
    library = ctypes.CDLL(os.path.abspath(path))
    library.edgerig_xla_open.restype = ctypes.c_void_p
    library.edgerig_xla_open.argtypes = []
    library.edgerig_xla_close.restype = None
    library.edgerig_xla_close.argtypes = [ctypes.c_void_p]
    library.edgerig_xla_run.restype = ctypes.c_int
    library.edgerig_xla_run.argtypes = [ctypes.c_void_p]
    for side in (library.edgerig_xla_input, library.edgerig_xla_output):
        side.restype = ctypes.c_void_p
        side.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_uint64)]
    return library


def _buffer(program: int, side: Any, place: int, tensor: TensorInfo) -> Array | None:
    """The program's own memory of a tensor, None where it has none. Raises UnsupportedTensor."""
    held = ctypes.c_uint64()
    address = side(program, place, ctypes.byref(held))
    if not address:
        return None
    dtype = np.dtype(tensor.dtype)
    wanted = int(np.prod(tensor.shape, dtype=np.int64)) * dtype.itemsize
    if held.value != wanted:
        raise UnsupportedTensor(
            f'tensor "{tensor.name}" is {wanted} bytes in the note, {held.value} in the program: it was compiled with '
            "other types"
        )
    memory: Array = np.ctypeslib.as_array((ctypes.c_uint8 * wanted).from_address(address))
    return memory.view(dtype).reshape(tensor.shape)
