"""Labels and normalization into a TFLite model, whose weights stay as they are, byte for byte.

A FlatBuffer's offsets lead forward and are relative, so a new root table that stands before all the old content can
lead into it: the file becomes header, new root with its lists of buffers and of metadata, old content. The block in
between is a multiple of 64 bytes, so that what was aligned in the old content still is. What is replaced stays in the
file, unreachable: some hundred bytes. Files of labels follow as a zip archive, stored as they are, its offsets
counted from the start of the file, as TFLite Support writes them.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass

from edgerig.check import tflite_labels, tflite_schema
from edgerig.check.flatbuffer import Table, root
from edgerig.check.tflite import IDENTIFIER
from edgerig.check.tflite_graph import tensors
from edgerig.check.tflite_labels import NAME
from edgerig.check.tflite_schema import AXIS_LABELS, Record
from edgerig.check.verdicts import Broken

LARGEST = (1 << 31) - (1 << 20)
"""Bytes of a model that can be rewritten: larger ones keep buffers behind the FlatBuffer, by offsets from its start."""
_ALIGN = 64
_MODEL_FIELDS = 8


@dataclass(frozen=True)
class Normalization:
    """Per channel, or one for all: the input is (x − mean) / std."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Labels:
    """A file of labels, one per line: its name in the model's archive, and its content."""

    name: str
    content: bytes


def rewritten(content: bytes, labels: Labels | None, normalization: Normalization | None) -> bytes:
    """The model with these; what it has of its own metadata and files is kept. Raises Broken."""
    if len(content) > LARGEST:
        raise Broken(
            f"has {len(content):,} bytes; up to {LARGEST:,} can be rewritten", "use the converter's own writer"
        )
    model = root(content, IDENTIFIER)
    if any(model.place(extra) for extra in range(_MODEL_FIELDS, model.fields())):
        raise Broken("is of a newer schema than TFLite's of today", "use the converter's own writer")
    packed = tflite_labels.associated(content)
    record = tflite_labels.metadata(model) or Record("ModelMetadata", texts={"min_parser_version": ("1.0.0",)})
    if tflite_schema.newer(record):
        raise Broken("has metadata of a newer schema than 1.2.1, which would be lost", "use the tool that wrote it")
    record = _described(record, model)
    files = dict(packed.files)
    if normalization:
        record = _with_normalization(record, model, normalization)
    if labels:
        record, dropped = _with_labels(record, model, labels)
        files = {name: file for name, file in files.items() if name not in dropped} | {labels.name: labels.content}
    return _with_archive(_assembled(content[: packed.start], model, tflite_schema.write(record)), files)


def _described(record: Record, model: Table) -> Record:
    """With a TensorMetadata per input and output, which the schema asks for."""
    subgraph = (record.of("subgraphs") or (Record("SubGraphMetadata"),))[0]
    for key, field in (("inputs", 1), ("outputs", 2)):
        there = tensors(model, field)
        if len(subgraph.of(key)) == len(there):
            continue
        if subgraph.of(key):
            raise Broken(f"its metadata describes {len(subgraph.of(key))} {key}, the model has {len(there)}")
        described = (Record("TensorMetadata", texts={"name": (tensor.text(3),)}) for tensor in there)
        subgraph = subgraph.with_records(key, *described)
    return record.with_records("subgraphs", subgraph, *record.of("subgraphs")[1:])


def _with_normalization(record: Record, model: Table, wanted: Normalization) -> Record:
    inputs = tensors(model, 1)
    if len(inputs) != 1:
        raise Broken(f"has {len(inputs)} inputs: which one is normalized is not known", "use TFLite Support's writer")
    shape = inputs[0].numbers(0, "i")
    channels = {len(wanted.mean), len(wanted.std)} - {1}
    if channels and channels != {int(shape[-1]) if shape else 1}:
        counts = f"{len(wanted.mean)} means and {len(wanted.std)} deviations"
        raise Broken(
            f"its input {[int(size) for size in shape]} does not take {counts}", "give one, or one per channel"
        )
    options = Record("NormalizationOptions", numbers={"mean": wanted.mean, "std": wanted.std})
    unit = Record("ProcessUnit").with_records("options", options)
    subgraph = record.of("subgraphs")[0]
    tensor = subgraph.of("inputs")[0]
    others = [each for each in tensor.of("units") if not _normalizes(each)]
    changed = subgraph.with_records("inputs", tensor.with_records("units", unit, *others))
    return record.with_records("subgraphs", changed, *record.of("subgraphs")[1:])


def _normalizes(unit: Record) -> bool:
    return any(options.table == "NormalizationOptions" for options in unit.of("options"))


def _with_labels(record: Record, model: Table, labels: Labels) -> tuple[Record, set[str]]:
    """The metadata with them at the one output of as many values, and the names of the files they replace."""
    lines = tflite_labels.lines_of(labels.content)
    shapes = [tensor.numbers(0, "i") for tensor in tensors(model, 2)]
    fitting = [number for number, shape in enumerate(shapes) if shape and shape[-1] == len(lines)]
    if len(fitting) != 1:
        sizes = ", ".join(str([int(size) for size in shape]) for shape in shapes)
        which = "no output" if not fitting else f"{len(fitting)} outputs"
        raise Broken(f"{len(lines)} labels fit {which} of {sizes}", "one line per value of the output's last axis")
    subgraph = record.of("subgraphs")[0]
    outputs = list(subgraph.of("outputs"))
    output = outputs[fitting[0]]
    old = [each for each in output.of("files") if each.scalars.get("type") == AXIS_LABELS]
    kept = [each for each in output.of("files") if each not in old]
    named = Record("AssociatedFile", texts={"name": (labels.name,)}, scalars={"type": AXIS_LABELS})
    outputs[fitting[0]] = output.with_records("files", named, *kept)
    changed = subgraph.with_records("outputs", *outputs)
    names = {each.text("name") for each in old}
    return record.with_records("subgraphs", changed, *record.of("subgraphs")[1:]), names


def _assembled(old: bytes, model: Table, metadata: bytes) -> bytes:
    """The model's FlatBuffer `old` with `metadata` as its TFLITE_METADATA."""
    buffers = [each.at for each in model.tables(4)]
    if any(Table(old, at).number(1, "Q") > 1 for at in buffers):
        raise Broken("keeps buffers behind its FlatBuffer", "use the converter's own writer")
    index = tflite_labels.buffer_index(model)
    block = _Block(old, len(buffers) + (index is None), len(list(model.tables(6))) + (index is None))
    return block.filled(model, buffers, index, metadata)


@dataclass
class _Block:
    """What stands between the header's 8 bytes and the old content, laid out from byte 8 on; all places are of the new
    file. vtable, Model, list of buffers, list of metadata, Metadata, its vtable, Buffer, its vtable, name, content."""

    old: bytes
    buffers: int
    entries: int

    def filled(self, model: Table, buffers: list[int], index: int | None, metadata: bytes) -> bytes:
        vtable = 8
        root_at = vtable + 4 + 2 * _MODEL_FIELDS
        lists = root_at + 4 + 4 * _MODEL_FIELDS
        entries = lists + 4 + 4 * self.buffers
        entry_vtable = entries + 4 + 4 * self.entries
        entry = entry_vtable + 8
        buffer_vtable = entry + 12
        buffer = buffer_vtable + 8
        name = buffer + 8
        data = _up(name + 4 + len(NAME) + 1 + 4, 16) - 4
        end = _up(data + 4 + len(metadata) - 8, _ALIGN) + 8
        shift = end - 8
        out = bytearray(end)
        out[4:8] = IDENTIFIER
        _u32(out, 0, root_at)
        fields = [number for number in range(_MODEL_FIELDS) if model.place(number) or number in (4, 6)]
        places = [4 + 4 * number if number in fields else 0 for number in range(_MODEL_FIELDS)]
        struct.pack_into(f"<{2 + _MODEL_FIELDS}H", out, vtable, 4 + 2 * _MODEL_FIELDS, 4 + 4 * _MODEL_FIELDS, *places)
        struct.pack_into("<i", out, root_at, root_at - vtable)
        targets = {4: lists, 6: entries}
        for number in fields:
            place = root_at + 4 + 4 * number
            if number == 0:
                _u32(out, place, model.number(0, "I"))
            else:
                target = targets.get(number) or _target(self.old, model.place(number)) + shift
                _u32(out, place, target - place)
        replaced = len(buffers) if index is None else index
        leads = [at + shift for at in buffers[:replaced]] + [buffer] + [at + shift for at in buffers[replaced + 1 :]]
        _list(out, lists, leads)
        known = [each.at + shift for each in model.tables(6)]
        _list(out, entries, known if index is not None else [*known, entry])
        _table(out, entry_vtable, entry, (name - (entry + 4), replaced))
        _table(out, buffer_vtable, buffer, (data - (buffer + 4),))
        _text(out, name, NAME.encode())
        _text(out, data, metadata)
        return bytes(out) + self.old[8:]


def _table(out: bytearray, vtable: int, at: int, values: tuple[int, ...]) -> None:
    """A table of fields of four bytes each, from the first on."""
    struct.pack_into("<HH", out, vtable, 4 + 2 * len(values), 4 + 4 * len(values))
    for index, value in enumerate(values):
        struct.pack_into("<H", out, vtable + 4 + 2 * index, 4 + 4 * index)
        _u32(out, at + 4 + 4 * index, value)
    struct.pack_into("<i", out, at, at - vtable)


def _list(out: bytearray, at: int, targets: list[int]) -> None:
    """A vector of tables."""
    _u32(out, at, len(targets))
    for index, target in enumerate(targets):
        _u32(out, at + 4 + 4 * index, target - (at + 4 + 4 * index))


def _text(out: bytearray, at: int, content: bytes) -> None:
    _u32(out, at, len(content))
    out[at + 4 : at + 4 + len(content)] = content


def _target(buffer: bytes, place: int) -> int:
    return int(place + struct.unpack_from("<I", buffer, place)[0])


def _u32(out: bytearray, at: int, value: int) -> None:
    struct.pack_into("<I", out, at, value)


def _up(number: int, to: int) -> int:
    return -(-number // to) * to


def _with_archive(model: bytes, files: dict[str, bytes]) -> bytes:
    """The model, and the files as a zip behind it. Dated 1980, so that the same comes out twice."""
    if not files:
        return model
    out = io.BytesIO(model)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()
