"""A TFLite model's metadata: labels of its outputs and normalization of its inputs.

Metadata stands in a buffer that the model's `metadata` names TFLITE_METADATA; the files it names are a zip archive
behind the model ("Adding metadata to TensorFlow Lite models", ai.google.dev/edge/litert).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from edgerig.check import archive, tflite_schema
from edgerig.check.flatbuffer import Buffer, Table, root
from edgerig.check.tflite_graph import tensors
from edgerig.check.tflite_schema import AXIS_LABELS, VALUE_LABELS, Record
from edgerig.check.verdicts import Broken, Finding, Verdict, broken

METADATA = "metadata"
NAME = "TFLITE_METADATA"
LABELS_LIMIT = 16 << 20
"""Bytes of one file of labels."""
FILES_LIMIT = 64 << 20
"""Bytes of all files that are packed behind one model."""
_TAIL = 256 << 20
"""Bytes behind the model that are searched for its archive."""
SET = "edgerig check MODEL --set-labels FILE --normalization MEAN,STD --out NEW"


@dataclass(frozen=True)
class Packed:
    """The archive behind a model: where it begins in the file, and its files. Without one, `start` is its end."""

    start: int
    files: dict[str, bytes]


def findings(content: Buffer, model: Table, where: str) -> Iterator[Finding]:
    """What is there and what is not; Broken becomes a finding, since the model itself may run."""
    try:
        record = metadata(model)
        if record is None:
            what = "has no metadata: the app must know its labels and its normalization by itself"
            yield Finding(Verdict.NOTE, METADATA, what, where, SET)
            return
        packed = associated(content)
        yield from _labels(record, packed, model, where)
        yield _normalization(record, where)
    except Broken as error:
        yield broken(Broken(f"its metadata: {error.what}", error.fix), where)


def metadata(model: Table) -> Record | None:
    """None when the model has none. Raises Broken."""
    index = buffer_index(model)
    if index is None:
        return None
    buffers = list(model.tables(4))
    if index >= len(buffers):
        raise Broken(f"stands in buffer {index}, the model has {len(buffers)}")
    return tflite_schema.read(root(buffers[index].raw(0), tflite_schema.IDENTIFIER))


def buffer_index(model: Table) -> int | None:
    """Which of the model's buffers holds its metadata. Raises Broken."""
    return next((entry.number(1, "I") for entry in model.tables(6) if entry.text(0) == NAME), None)


def associated(content: Buffer) -> Packed:
    """The archive behind the model. Raises Broken."""
    tail_start = max(0, len(content) - _TAIL)
    tail = bytes(content[tail_start:])
    if b"PK\x05\x06" not in tail[-0x10016:]:
        return Packed(len(content), {})
    file = io.BytesIO(tail)
    with archive.opened(file) as opened:
        if not opened.infolist():
            return Packed(len(content), {})
        start = tail_start + min(info.header_offset for info in opened.infolist())
        return Packed(start, _unpacked(opened))


def _unpacked(opened: zipfile.ZipFile) -> dict[str, bytes]:
    """Raises Broken for files of more than FILES_LIMIT bytes together, whatever they declare."""
    files: dict[str, bytes] = {}
    left = FILES_LIMIT
    for info in opened.infolist():
        content = archive.read(opened, archive.Member(info.filename, info.file_size, None, info), left + 1)
        left -= len(content)
        if left < 0:
            raise Broken(f"the files behind it have over {FILES_LIMIT:,} bytes", "pack the labels alone")
        files[info.filename] = content
    return files


def _labels(record: Record, packed: Packed, model: Table, where: str) -> Iterator[Finding]:
    """Each file of labels its outputs name."""
    found = False
    for number, output in enumerate(_tensors(record, "outputs")):
        for named in output.of("files"):
            if named.scalars.get("type") not in (AXIS_LABELS, VALUE_LABELS):
                continue
            found = True
            name = named.text("name")
            if name not in packed.files:
                what = f"names {name!r} as output {number}'s labels, which is not packed behind the model"
                yield Finding(Verdict.FAILS, METADATA, what, where, SET)
                continue
            lines = lines_of(packed.files[name])
            values = _last_axis(model, number)
            if named.scalars.get("type") == AXIS_LABELS and values > 0 and len(lines) != values:
                what = f"{name!r} has {len(lines)} labels, output {number} has {values} values"
                yield Finding(Verdict.FAILS, METADATA, what, where, SET)
            else:
                what = f"output {number} has {len(lines)} labels in {name!r}"
                yield Finding(Verdict.OK, METADATA, what, where)
    if not found:
        yield Finding(Verdict.NOTE, METADATA, "its metadata names no labels", where, SET)


def _normalization(record: Record, where: str) -> Finding:
    for number, tensor in enumerate(_tensors(record, "inputs")):
        for unit in tensor.of("units"):
            for options in unit.of("options"):
                if options.table == "NormalizationOptions":
                    mean, std = (_numbers(options.numbers.get(key, ())) for key in ("mean", "std"))
                    return Finding(Verdict.OK, METADATA, f"input {number} is (x − {mean}) / {std}", where)
    return Finding(Verdict.NOTE, METADATA, "its metadata names no normalization of an input", where, SET)


def _tensors(record: Record, key: str) -> tuple[Record, ...]:
    subgraphs = record.of("subgraphs")
    return subgraphs[0].of(key) if subgraphs else ()


def _last_axis(model: Table, output: int) -> int:
    """The last dimension of the output's shape; 0 when it is not known."""
    outputs = tensors(model, 2)
    shape = outputs[output].numbers(0, "i") if output < len(outputs) else ()
    return int(shape[-1]) if shape else 0


def lines_of(content: bytes) -> list[str]:
    """A file of labels: one per line, the last line's end left out."""
    return content.decode("utf-8-sig", "replace").splitlines()


def _numbers(values: tuple[float, ...]) -> str:
    return ":".join(f"{value:g}" for value in values[:8]) or "nothing"
