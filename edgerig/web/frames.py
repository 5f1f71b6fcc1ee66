"""Arrays of samples as bytes, the same way in both directions; `js/frames.mjs` is its other end.

A uint32 (little-endian) with the length of a JSON text, that text, `[[[dtype, shape], … a tensor], … a sample]`, and
the arrays' bytes one after the other, little-endian and C-contiguous, each and the first begun at a multiple of 8.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from edgerig.spec.toml import Dtype

Sample = Sequence[npt.NDArray[Any]]
ALIGNED = 8
MOST_AXES = 16


def pack(samples: Sequence[Sample]) -> bytes:
    header = json.dumps([[[array.dtype.name, list(array.shape)] for array in sample] for sample in samples]).encode()
    parts = [struct.pack("<I", len(header)) + header]
    parts[0] += bytes(-len(parts[0]) % ALIGNED)
    for sample in samples:
        for array in sample:
            held = np.asarray(array, order="C").tobytes()
            parts += [held, bytes(-len(held) % ALIGNED)]
    return b"".join(parts)


def unpack(body: bytes) -> list[list[npt.NDArray[Any]]]:
    """Raises ValueError for anything but what `pack` gives."""
    if len(body) < struct.calcsize("<I"):
        raise ValueError("a frame without a header")
    (length,) = struct.unpack_from("<I", body)
    begin = struct.calcsize("<I") + length
    if begin > len(body):
        raise ValueError("a frame cut short in its header")
    place = begin + -begin % ALIGNED
    samples: list[list[npt.NDArray[Any]]] = []
    for described in _listed(json.loads(body[struct.calcsize("<I") : begin])):
        arrays: list[npt.NDArray[Any]] = []
        for dtype, shape in _tensors(described):
            size = dtype.itemsize * math.prod(shape)
            if place + size > len(body):
                raise ValueError("a frame cut short in its arrays")
            arrays.append(np.frombuffer(body, dtype, math.prod(shape), place).reshape(shape).copy())
            place += size + -size % ALIGNED
        samples.append(arrays)
    return samples


def _tensors(described: object) -> Iterator[tuple[np.dtype[Any], tuple[int, ...]]]:
    for each in _listed(described):
        name, shape = _listed(each)
        axes = _listed(shape)
        if name not in get_args(Dtype) or len(axes) > MOST_AXES or not all(type(n) is int and n >= 0 for n in axes):
            raise ValueError(f"a frame with a tensor {str(each)[:80]}")
        yield np.dtype(name), tuple(axes)


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a frame whose header is no list of lists")
    return value
