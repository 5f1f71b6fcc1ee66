"""Protocol Buffers' wire format (protobuf.dev, "Encoding"): the fields of a message, one after the other, without its
schema and without unpacking what they hold; and how one is written. ONNX files are of it, and neither a device nor a
host that builds nothing has `onnx`.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

Buffer = bytes | mmap.mmap
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the groups of old (3 and 4) are no part of any file read here."""
_CUT_OFF = "it is cut off, or of another kind"


class Field(NamedTuple):
    """`value` is a VARINT's, else 0; `start` and `end` are where the bytes of the others lie, a message's or a text's
    without its length."""

    number: int
    wire: int
    value: int
    start: int
    end: int


def fields(content: Buffer, at: int, end: int) -> Iterator[Field]:
    """Of the message at `content[at:end]`. Raises ValueError where the bytes are no message."""
    while at < end:
        tag, at = _varint(content, at, end)
        number, wire, value, start = tag >> 3, tag & 7, 0, at
        if wire == VARINT:
            value, at = _varint(content, at, end)
        elif wire == BYTES:
            length, start = _varint(content, at, end)
            at = start + length
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ValueError("its fields are not Protocol Buffers'")
        if at > end or not number:
            raise ValueError(_CUT_OFF)
        yield Field(number, wire, value, start, at)


def written(number: int, value: int | bytes) -> bytes:
    """The field `number`: of a VARINT its value, of a text or a message its bytes."""
    wire = VARINT if isinstance(value, int) else BYTES
    head = _number(number << 3 | wire)
    return head + (_number(value) if isinstance(value, int) else _number(len(value)) + value)


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _varint(content: Buffer, at: int, end: int) -> tuple[int, int]:
    """The number at `at`, of at most ten bytes, and what follows it. Raises ValueError."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(_CUT_OFF)
