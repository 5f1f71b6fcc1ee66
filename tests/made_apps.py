"""Made files: ELF headers, archives, FlatBuffers, each as small as the checks allow."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias


class Vector(NamedTuple):
    """A vector of int32, as opposed to one of tables."""

    numbers: tuple[int, ...]


Table: TypeAlias = Mapping[int, "Value"]
Child: TypeAlias = str | bytes | Vector | Sequence[Table] | Table
Value: TypeAlias = int | Child
"""What a field of a made FlatBuffer holds: see `flatbuffer`."""


def elf(
    align: int = 16384,
    *,
    bits: int = 64,
    machine: int = 183,
    offset: int = 0,
    address: int = 0,
    size: int | None = None,
    count: int = 1,
    kind: int = 1,
) -> bytes:
    """An ELF file's headers with `count` PT_LOAD segments, padded to `size` bytes."""
    if bits == 32:
        return (b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine)).ljust(size or 128, b"\0")
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", kind, 5, offset, address, address, 64, 64, align)
    return (header + segment * min(count, 100)).ljust(size or 512, b"\0")


def archive(path: Path, members: Mapping[str, bytes], *, align: int | None = None, compressed: bool = False) -> Path:
    """A zip of name → bytes; stored data begins at multiples of `align` where that is given, as zipalign does it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as made:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            if align:
                assert made.fp is not None
                begin = made.fp.tell() + 30 + len(name.encode())
                padding = -(begin + 4) % align
                info.extra = struct.pack("<HH", 0xD935, padding) + bytes(padding)
            made.writestr(info, content)
    return path


def vector(*numbers: int) -> Vector:
    return Vector(numbers)


def flatbuffer(table: Table, identifier: bytes = b"TFL3") -> bytes:
    """A FlatBuffer of nested values: a table is a dict of field → value; ints are stored as int32; str, bytes, lists of
    tables and `vector`s of int32 are what they are."""
    out = bytearray(8)
    out[4:8] = identifier
    struct.pack_into("<I", out, 0, _table(out, table))
    return bytes(out)


def _table(out: bytearray, table: Table) -> int:
    slots = max(table, default=-1) + 1
    out += bytes(-(len(out) + 4 + 2 * slots) % 4)
    places = {field: 4 + 4 * index for index, field in enumerate(table)}
    out += struct.pack("<HH", 4 + 2 * slots, 4 + 4 * len(table))
    out += struct.pack(f"<{slots}H", *(places.get(field, 0) for field in range(slots)))
    at = len(out)
    out += struct.pack("<i", 4 + 2 * slots) + bytes(4 * len(table))
    for field, value in table.items():
        place = at + places[field]
        if isinstance(value, int):
            struct.pack_into("<i", out, place, value)
        else:
            _child(out, place, value)
    return at


def _child(out: bytearray, place: int, value: Child) -> None:
    out += bytes(-len(out) % 4)
    if isinstance(value, Mapping):
        target = _table(out, value)
    else:
        target = len(out)
        if isinstance(value, str | bytes):
            content = value.encode() if isinstance(value, str) else value
            out += struct.pack("<I", len(content)) + content + b"\0"
        elif isinstance(value, Vector):
            out += struct.pack(f"<I{len(value.numbers)}i", len(value.numbers), *value.numbers)
        else:
            out += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for index, each in enumerate(value):
                _child(out, target + 4 + 4 * index, each)
    struct.pack_into("<I", out, place, target - place)


def tflite(
    codes: Sequence[tuple[int, int]] = ((3, 1),),
    *,
    inputs: Sequence[tuple[int, ...]] = ((1, 8, 8, 3),),
    outputs: Sequence[tuple[int, ...]] = ((1, 4),),
    customs: Sequence[str] = (),
) -> bytes:
    """A model of operator codes with versions, and tensors of these shapes; nothing in it computes."""
    shapes = [*inputs, *outputs]
    tensors: list[Table] = [{0: vector(*shape), 2: 0, 3: f"tensor{index}"} for index, shape in enumerate(shapes)]
    numbers = range(len(shapes))
    graph: Table = {0: tensors, 1: vector(*numbers[: len(inputs)]), 2: vector(*numbers[len(inputs) :])}
    listed: list[Table] = [{2: version, 3: code} for code, version in codes] + [{1: name, 3: 32} for name in customs]
    return flatbuffer({0: 3, 1: listed, 2: [graph], 3: "made", 4: [{}, {0: bytes(range(64))}]})


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    """A field of a Protocol Buffers message: a varint, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx(ir: int = 10, opset: int = 21, *, domain: bytes = b"", nodes: tuple[bytes, ...] = (b"",)) -> bytes:
    """A model of IR version, opset, and nodes of these domains."""
    graph = b"".join(field(1, field(4, b"Relu") + field(7, each)) for each in nodes)
    return field(1, ir) + field(7, graph) + field(8, field(1, domain) + field(2, opset))
