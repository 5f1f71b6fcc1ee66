"""Reading a FlatBuffer that may be damaged or hostile: every offset and count is held against the buffer's end.

The layout is FlatBuffers' own (flatbuffers.dev, "FlatBuffer Internals"): a table begins with a signed offset back to
its vtable, which holds the table's place of each field (0: left out); strings, vectors and tables are reached by
unsigned offsets forward, relative to where the offset stands; a vector begins with its count. All is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap

from edgerig.check.verdicts import Broken

Buffer = bytes | mmap
MOST = 200_000
"""Elements of one vector, or of all of a kind, that are walked; the largest networks have some ten thousand."""
_TEXT = 1 << 16
"""Bytes of one string, and elements times bytes of one vector of strings."""


@dataclass(frozen=True)
class Table:
    """A table of `buffer`; its fields are asked for by their number in the schema. Every method raises Broken."""

    buffer: Buffer
    at: int

    def place(self, field: int) -> int:
        """Where the field's value (or its offset) stands; 0 when it is left out."""
        vtable = self.at - _unpack(self.buffer, "<i", self.at)
        entry = 4 + 2 * field
        if entry + 2 > _unpack(self.buffer, "<H", vtable):
            return 0
        place = _unpack(self.buffer, "<H", vtable + entry)
        return self.at + place if place else 0

    def fields(self) -> int:
        """How many fields its vtable has, left out or not."""
        return (_unpack(self.buffer, "<H", self.at - _unpack(self.buffer, "<i", self.at)) - 4) // 2

    def number(self, field: int, form: str, default: float = 0) -> int:
        """An integer of struct's `form`: "b", "B", "i", "I", "Q"."""
        place = self.place(field)
        return _unpack(self.buffer, f"<{form}", place) if place else int(default)

    def table(self, field: int) -> Table | None:
        place = self.place(field)
        return _follow(self.buffer, place) if place else None

    def vector(self, field: int, size: int) -> tuple[int, int]:
        """Where the first element stands, and how many of `size` bytes there are."""
        place = self.place(field)
        return _vector(self.buffer, place, size) if place else (0, 0)

    def text(self, field: int) -> str:
        place = self.place(field)
        return _text(self.buffer, place) if place else ""

    def raw(self, field: int) -> bytes:
        """A vector of bytes."""
        start, count = self.vector(field, 1)
        return self.buffer[start : start + count]

    def numbers(self, field: int, form: str) -> tuple[float, ...]:
        """A vector of numbers of struct's `form`."""
        start, count = self.vector(field, struct.calcsize(form))
        _bound(count)
        return struct.unpack_from(f"<{count}{form}", self.buffer, start)

    def tables(self, field: int) -> Iterator[Table]:
        start, count = self.vector(field, 4)
        _bound(count)
        return (_follow(self.buffer, start + 4 * index) for index in range(count))

    def texts(self, field: int) -> tuple[str, ...]:
        start, count = self.vector(field, 4)
        _bound(count)
        texts, left = [], _TEXT
        for index in range(count):
            texts.append(_text(self.buffer, start + 4 * index))
            left -= len(texts[-1])
            if left < 0:
                raise Broken(f"a vector of texts has over {_TEXT:,} characters")
        return tuple(texts)


def walked(vectors: Iterable[Iterator[Table]]) -> Iterator[Table]:
    """The tables of many vectors, at most MOST together: a hostile file names one large vector in many places. Raises
    Broken."""
    left = MOST
    for vector in vectors:
        for table in vector:
            left -= 1
            if left < 0:
                raise Broken(f"has over {MOST:,} tables of a kind")
            yield table


def root(buffer: Buffer, identifier: bytes) -> Table:
    """The root table of a buffer that carries `identifier` at byte 4. Raises Broken."""
    if len(buffer) < 12 or buffer[4:8] != identifier:
        raise Broken(f'bytes 4 to 7 are not "{identifier.decode()}"')
    return _follow(buffer, 0)


def _follow(buffer: Buffer, place: int) -> Table:
    return Table(buffer, place + _unpack(buffer, "<I", place))


def _vector(buffer: Buffer, place: int, size: int) -> tuple[int, int]:
    start = place + _unpack(buffer, "<I", place)
    count = _unpack(buffer, "<I", start)
    if start + 4 + count * size > len(buffer):
        raise Broken(f"a vector at {start} has {count:,} elements, more than the file holds")
    return start + 4, count


def _text(buffer: Buffer, place: int) -> str:
    start, count = _vector(buffer, place, 1)
    if count > _TEXT:
        raise Broken(f"a text has {count:,} bytes")
    return bytes(buffer[start : start + count]).decode("utf-8", "replace")


def _bound(count: int) -> None:
    if count > MOST:
        raise Broken(f"a vector has {count:,} elements, over {MOST:,}")


def _unpack(buffer: Buffer, form: str, at: int) -> int:
    if at < 0 or at + struct.calcsize(form) > len(buffer):
        raise Broken(f"an offset leads to byte {at:,}, the file has {len(buffer):,}")
    return int(struct.unpack_from(form, buffer, at)[0])
