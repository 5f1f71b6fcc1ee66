"""TFLite metadata as values: the tables of metadata_schema.fbs ("M001", schema version 1.2.1), read and written.

A field's number in a table is its place in the list here; a union takes two, its type and its table.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from edgerig.check.flatbuffer import Table
from edgerig.check.verdicts import Broken

IDENTIFIER = b"M001"
AXIS_LABELS = 2
"""AssociatedFileType.TENSOR_AXIS_LABELS: a line per value of the tensor's last axis."""
VALUE_LABELS = 3
"""AssociatedFileType.TENSOR_VALUE_LABELS: the tensor's values are numbers of lines."""
_MOST = 20_000
"""Tables and texts of one file's metadata; a hostile file could name one table in many places."""
_SCALARS = {"byte": "b", "int": "i", "uint": "I", "float": "f"}
_NUMBERS = {"floats": "f", "uints": "I"}
_FILES = "files: tables AssociatedFile"
_SCHEMA: dict[str, tuple[str, ...]] = {
    "ModelMetadata": (
        "name: text", "description: text", "version: text", "subgraphs: tables SubGraphMetadata",
        "author: text", "license: text", _FILES, "min_parser_version: text",
    ),
    "SubGraphMetadata": (
        "name: text", "description: text", "inputs: tables TensorMetadata", "outputs: tables TensorMetadata",
        _FILES, "input_units: tables ProcessUnit", "output_units: tables ProcessUnit",
        "input_groups: tables TensorGroup", "output_groups: tables TensorGroup",
    ),
    "TensorGroup": ("name: text", "tensor_names: texts"),
    "TensorMetadata": (
        "name: text", "description: text", "dimension_names: texts", "content: table Content",
        "units: tables ProcessUnit", "stats: table Stats", _FILES,
    ),
    "Stats": ("max: floats", "min: floats"),
    "ProcessUnit": (
        "options: union NormalizationOptions ScoreCalibrationOptions ScoreThresholdingOptions BertTokenizerOptions "
        "SentencePieceTokenizerOptions RegexTokenizerOptions",
    ),
    "NormalizationOptions": ("mean: floats", "std: floats"),
    "ScoreCalibrationOptions": ("transformation: byte", "default: float"),
    "ScoreThresholdingOptions": ("threshold: float",),
    "BertTokenizerOptions": (_FILES,),
    "SentencePieceTokenizerOptions": ("model: tables AssociatedFile", _FILES),
    "RegexTokenizerOptions": ("pattern: text", _FILES),
    "Content": ("properties: union FeatureProperties ImageProperties BoundingBoxProperties", "range: table ValueRange"),
    "FeatureProperties": (),
    "ImageProperties": ("color_space: byte", "default_size: table ImageSize"),
    "ImageSize": ("width: uint", "height: uint"),
    "BoundingBoxProperties": ("index: uints", "type: byte", "coordinates: byte"),
    "ValueRange": ("min: int", "max: int"),
    "AssociatedFile": ("name: text", "description: text", "type: byte", "locale: text"),
}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A table's fields that are there. `newer`: it has fields that schema 1.2.1 does not know, which are not kept."""

    table: str
    scalars: dict[str, float] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    records: dict[str, tuple[Record, ...]] = field(default_factory=dict)
    newer: bool = False

    def text(self, name: str) -> str:
        return self.texts.get(name, ("",))[0]

    def of(self, name: str) -> tuple[Record, ...]:
        return self.records.get(name, ())

    def with_records(self, name: str, *records: Record) -> Record:
        return replace(self, records={**self.records, name: records})


def read(table: Table) -> Record:
    """The ModelMetadata `table`. Raises Broken."""
    return _read(table, "ModelMetadata", [_MOST])


def _read(table: Table, name: str, left: list[int]) -> Record:
    left[0] -= 1
    if left[0] < 0:
        raise Broken(f"its metadata has over {_MOST:,} tables and texts")
    record = Record(name)
    slot, newer = 0, False
    for entry in _SCHEMA[name]:
        key, (kind, *of) = entry.split(": ")[0], entry.split(": ")[1].split()
        if kind == "union":
            chosen = table.number(slot, "B")
            inner = table.table(slot + 1)
            if chosen > len(of):
                newer = True
            elif chosen and inner is not None:
                record.records[key] = (_read(inner, of[chosen - 1], left),)
            slot += 2
            continue
        if table.place(slot):
            _take(record, table, slot, key, kind, of, left)
        slot += 1
    return replace(record, newer=newer or any(table.place(extra) for extra in range(slot, min(table.fields(), 64))))


def _take(record: Record, table: Table, slot: int, key: str, kind: str, of: list[str], left: list[int]) -> None:
    """One field that is there, into `record`; long texts and vectors count as tables do."""
    if kind in _SCALARS:
        record.scalars[key] = struct.unpack_from(f"<{_SCALARS[kind]}", _bytes(table, slot))[0]
    elif kind in ("text", "texts"):
        record.texts[key] = (table.text(slot),) if kind == "text" else table.texts(slot)
        left[0] -= sum(1 + len(text) // 1000 for text in record.texts[key])
    elif kind in _NUMBERS:
        record.numbers[key] = table.numbers(slot, _NUMBERS[kind])
        left[0] -= len(record.numbers[key]) // 1000
    elif kind == "table":
        inner = table.table(slot)
        record.records[key] = (_read(inner, of[0], left),) if inner is not None else ()
    else:
        record.records[key] = tuple(_read(each, of[0], left) for each in table.tables(slot))


def _bytes(table: Table, slot: int) -> bytes:
    """Four bytes of a scalar, zeros where the buffer ends."""
    place = table.place(slot)
    return bytes(table.buffer[place : place + 4]).ljust(4, b"\0")


def newer(record: Record) -> bool:
    """Whether anything in it is of a newer schema."""
    return record.newer or any(newer(each) for records in record.records.values() for each in records)


def write(record: Record) -> bytes:
    """The FlatBuffer of a ModelMetadata."""
    out = bytearray(8)
    out[4:8] = IDENTIFIER
    struct.pack_into("<I", out, 0, _write(out, record))
    return bytes(out)


def _write(out: bytearray, record: Record) -> int:
    """Appends the table behind its vtable, then what it refers to; gives where the table stands."""
    inline: list[tuple[int, bytes, tuple[str, str] | None]] = []  # slot, four bytes, what an offset leads to
    slot = 0
    for entry in _SCHEMA[record.table]:
        key, (kind, *of) = entry.split(": ")[0], entry.split(": ")[1].split()
        there = key in record.scalars or key in record.texts or key in record.numbers or bool(record.of(key))
        if kind == "union" and there:
            inline.append((slot, struct.pack("<I", 1 + of.index(record.of(key)[0].table)), None))
        if there and kind in _SCALARS:
            form = {"b": "<bxxx", "f": "<f"}.get(_SCALARS[kind], f"<{_SCALARS[kind]}")
            value = record.scalars[key]
            inline.append((slot, struct.pack(form, value if kind == "float" else int(value)), None))
        elif there:
            inline.append((slot + (kind == "union"), bytes(4), (key, kind)))
        slot += 2 if kind == "union" else 1
    vtable = [4 + 2 * slot, 4 + 4 * len(inline), *[0] * slot]
    for index, (number, _, _) in enumerate(inline):
        vtable[2 + number] = 4 + 4 * index
    out += bytes(-(len(out) + 2 * len(vtable)) % 4) + struct.pack(f"<{len(vtable)}H", *vtable)
    at = len(out)
    out += struct.pack("<i", 2 * len(vtable)) + b"".join(value for _, value, _ in inline)
    for index, (_, _, target) in enumerate(inline):
        if target:
            _refer(out, at + 4 + 4 * index, record, *target)
    return at


def _refer(out: bytearray, place: int, record: Record, key: str, kind: str) -> None:
    """Appends what the offset at `place` leads to."""
    if kind in ("table", "union"):
        struct.pack_into("<I", out, place, _write(out, record.of(key)[0]) - place)
        return
    if kind == "text":
        _text(out, place, record.text(key))
        return
    out += bytes(-len(out) % 4)
    struct.pack_into("<I", out, place, len(out) - place)
    if kind in _NUMBERS:
        values = record.numbers[key]
        form = _NUMBERS[kind]
        numbers = values if form == "f" else tuple(int(value) for value in values)
        out += struct.pack(f"<I{len(values)}{form}", len(values), *numbers)
        return
    count = len(record.texts.get(key, ())) if kind == "texts" else len(record.of(key))
    first = len(out) + 4
    out += struct.pack("<I", count) + bytes(4 * count)
    for index in range(count):
        each = first + 4 * index
        if kind == "texts":
            _text(out, each, record.texts[key][index])
        else:
            struct.pack_into("<I", out, each, _write(out, record.of(key)[index]) - each)


def _text(out: bytearray, place: int, text: str) -> None:
    """A string: its length, its bytes, a zero."""
    out += bytes(-len(out) % 4)
    struct.pack_into("<I", out, place, len(out) - place)
    content = text.encode("utf-8", "replace")
    out += struct.pack("<I", len(content)) + content + b"\0"
