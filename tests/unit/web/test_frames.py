"""Arrays as bytes between the host and a script."""

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.web.frames import pack, unpack


def test_samples_come_back_as_they_went() -> None:
    samples: list[list[npt.NDArray[Any]]] = [
        [np.arange(6, dtype=np.float32).reshape(1, 2, 3), np.array([True, False, True])],
        [np.array(7, np.int64), np.zeros((2, 0), np.float16), np.array([-1, 127], np.int8)],
        [],
    ]
    found = unpack(pack(samples))
    assert [[(a.dtype, a.shape) for a in sample] for sample in found] == [
        [(a.dtype, a.shape) for a in sample] for sample in samples
    ]
    assert all(np.array_equal(a, b) for s, t in zip(samples, found, strict=True) for a, b in zip(s, t, strict=True))


def test_every_array_begins_at_a_multiple_of_eight() -> None:
    """JavaScript's arrays of 8-byte numbers lie nowhere else."""
    body = pack([[np.array([1, 2, 3], np.int8), np.array([5.0])]])
    assert len(body) % 8 == 0
    assert struct.unpack_from("<d", body, len(body) - 8) == (5.0,)


def of(header: object, arrays: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + bytes(-(4 + len(text)) % 8) + arrays


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("<I", 2**31) + b"[]",
        of({"samples": 1}),
        of([[["float32", [2]]]], bytes(4)),
        of([[["object", [1]]]], bytes(8)),
        of([[["float32", [-1]]]], bytes(8)),
        of([[["float32", [1.5]]]], bytes(8)),
        of([[["float32", [2**40, 2**40]]]], bytes(8)),
        of([[["float32", [1] * 40]]], bytes(8)),
        of([["float32"]]),
    ],
)
def test_what_is_no_frame_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(body)
