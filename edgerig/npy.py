""".npy files in bounded memory: written batch after batch, read memory-mapped, hashed and copied piece by piece.

The format is NumPy's (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Its header leaves room
for the first axis to grow, so the number of samples need not be known when writing begins.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from edgerig.confined import Confined

Array = npt.NDArray[Any]
PIECE_BYTES = 4 * 2**20
"""About as much of an array is held at a time."""
HOST = "host"
"""The stem of a built file's outputs on this machine, on the first evaluation samples."""


class NpyWriter:
    """Writes an array (N, …) of `dtype` to `path`, some samples at a time; N is written on leaving the context."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> None:
        """`shape` is one sample's, without the axis of samples. Raises OSError."""
        self.count = 0
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._file = path.open("wb")
        self._write_header()

    def append(self, samples: Array) -> None:
        """Adds `samples` (n, …). Raises ValueError when they have another shape, OSError."""
        if samples.shape[1:] != self._shape:
            raise ValueError(f"samples have shape {samples.shape[1:]}, the file's are {self._shape}")
        self._file.write(np.ascontiguousarray(samples, self._dtype).data)
        self.count += len(samples)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()

    def _write_header(self) -> None:
        npy_format.write_array_header_1_0(
            self._file,
            {"descr": self._dtype.str, "fortran_order": False, "shape": (self.count, *self._shape)},
        )


def write(path: Path, array: Array) -> None:
    """Writes `array` (N, …), a view in any axis order, C-contiguous to `path`. Raises OSError."""
    with NpyWriter(path, array.shape[1:], array.dtype) as writer:
        for piece in pieces(array):
            writer.append(piece)


def load_arrays(folder: Path, stem: str) -> list[Array]:
    """`<stem>_0.npy`, `<stem>_1.npy`, … of `folder`, memory-mapped; [] when there are none."""
    return [np.load(path, mmap_mode="r", allow_pickle=False) for path in stems(folder, stem)]


LENGTHS = "_lengths"
"""Behind a stem: of arrays whose first axis has the steps of all sequences, how many each sequence has."""


def read_lengths(folder: Path, stem: str) -> list[int] | None:
    """The lengths of the sequences that `<stem>_<i>.npy` of `folder` have the steps of; None where a row is a sample.
    Raises OSError, ValueError."""
    path = folder / f"{stem}{LENGTHS}.npy"
    return [int(length) for length in np.load(path, allow_pickle=False)] if path.is_file() else None


def load_untrusted(path: Path | Confined, dtype: str, shape: tuple[int | None, ...]) -> Array:
    """The array of `dtype` (such as "<f4") and `shape` (None: any length) in a file that anybody may have written.

    Its header is held against these and against the file's size first, so that no more is allocated than there is.
    Raises ValueError with what is wrong, OSError.
    """
    with Confined.at(path).open() as file:
        found, fortran, kind = _header(file)
        fits = len(found) == len(shape) and all(
            type(length) is int and length >= 0 and wanted in (None, length)
            for length, wanted in zip(found, shape, strict=True)
        )
        if kind.str != dtype or not fits:
            raise ValueError(f"dtype {kind.str} and shape {found}, expected {dtype} and {shape}"[:300])
        _check_size(file, found, kind)
        values = np.fromfile(file, kind)
        return values.reshape(found, order="F" if fortran else "C")


def map_untrusted(path: Path | Confined) -> Array:
    """The array of numbers or bools in a file that anybody may have written, memory-mapped. Raises ValueError with what
    is wrong, OSError."""
    with Confined.at(path).open() as file:
        found, fortran, kind = _header(file)
        if kind.kind not in "biuf" or not all(type(length) is int and length >= 0 for length in found):
            raise ValueError(f"dtype {kind.str} and shape {found}, numbers are expected"[:300])
        _check_size(file, found, kind)
        order: Literal["C", "F"] = "F" if fortran else "C"
        if 0 in found:  # nothing to map
            return np.empty(found, kind, order)
        return np.memmap(file, kind, "r", file.tell(), found, order)


def map_all_untrusted(folder: Confined, stem: str) -> list[Array]:
    """`<stem>_0.npy`, `<stem>_1.npy`, … of `folder` by `map_untrusted`; [] when there are none."""
    arrays: list[Array] = []
    while (file := folder / f"{stem}_{len(arrays)}.npy").is_there():
        arrays.append(map_untrusted(file))
    return arrays


def _check_size(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    size, held = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
    if size != held:
        raise ValueError(f"{held} bytes of values, shape {shape} takes {size}"[:300])


def pieces(array: Array) -> Iterator[Array]:
    """`array` in slices of its first axis of about `PIECE_BYTES`."""
    step = samples_a_piece(array.shape, array.dtype)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def samples_a_piece(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> int:
    """How many samples of an array of `shape` (N, …) make a piece; at least one."""
    size = np.dtype(dtype).itemsize
    for axis in shape[1:]:
        size *= axis
    return max(1, PIECE_BYTES // max(1, size))


def fingerprint(arrays: Iterable[Array]) -> str:
    """sha256 over dtype, shape and bytes of each array in turn."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        for piece in pieces(array):
            state.update(np.ascontiguousarray(piece).data)
    return state.hexdigest()


def fingerprint_files(paths: Iterable[Path]) -> str:
    """`fingerprint` of the C-contiguous arrays in these files, read instead of mapped: mapped pages count as this
    process's memory."""
    state = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            shape, _, dtype = _header(file)
            state.update(f"{dtype.str}{shape}".encode())
            while content := file.read(PIECE_BYTES):
                state.update(content)
    return state.hexdigest()


def stems(folder: Path, stem: str) -> list[Path]:
    """`<stem>_0.npy`, `<stem>_1.npy`, … of `folder`, as far as there are."""
    paths: list[Path] = []
    while (path := folder / f"{stem}_{len(paths)}.npy").is_file():
        paths.append(path)
    return paths


def read_pieces(path: Path, samples: int) -> Iterator[Array]:
    """The C-contiguous array in the file, `samples` at a time. Raises OSError, ValueError."""
    with path.open("rb") as file:
        shape, _, dtype = _header(file)
        yield from _read(file, shape, dtype, samples, path.name)


class NpzMember:
    """An array inside an .npz, read from its beginning, some samples at a time; never unpickled.

    `shape` and `dtype` are known at once. Raises ValueError for what is no plain array, zipfile.BadZipFile.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._member = f"{name}.npy"
        with _unpacking(self._member), archive.open(self._member) as file:
            self.shape, self._fortran, self.dtype = _header(file)
            size = archive.getinfo(self._member).file_size - file.tell()
        if self.dtype.hasobject:
            raise ValueError(f'array "{name}" holds Python objects')
        if not self.shape or not all(type(length) is int and length >= 0 for length in self.shape):
            raise ValueError(f'array "{name}" has shape {self.shape}'[:300])
        if math.prod(self.shape) * self.dtype.itemsize > size:
            raise ValueError(f'array "{name}" of shape {self.shape} has {size} bytes of values'[:300])

    def pieces(self, samples: int) -> Iterator[Array]:
        """`samples` at a time, the last piece smaller. An array stored in Fortran order is read whole."""
        with _unpacking(self._member), self._archive.open(self._member) as file:
            if self._fortran:
                whole = npy_format.read_array(file, allow_pickle=False)
                yield from (whole[start : start + samples] for start in range(0, len(whole), samples))
                return
            _header(file)
            yield from _read(file, self.shape, self.dtype, samples, self._member)


@contextlib.contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """What else zipfile raises on a damaged, encrypted or endless member, as ValueError."""
    try:
        yield
    except (RuntimeError, MemoryError, struct.error, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{name}: {type(error).__name__}: {error}"[:300]) from error


def _read(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], samples: int, name: str) -> Iterator[Array]:
    one = dtype.itemsize * math.prod(shape[1:])
    for start in range(0, shape[0], samples):
        count = min(samples, shape[0] - start)
        content = file.read(count * one)
        if len(content) != count * one:
            raise ValueError(f"{name} is cut short")
        yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and dtype. Raises ValueError, OSError."""
    try:
        version = npy_format.read_magic(file)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        return read(file)
    except OSError:
        raise
    except Exception as error:  # NumPy has Python's own parser read the header, which may raise anything
        raise ValueError(f"not a readable array: {type(error).__name__}: {error}"[:300]) from error
