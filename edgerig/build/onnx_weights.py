"""Weights an ONNX file keeps in other files (onnx.proto, TensorProto.external_data): which they are, and a model of
several files written, copied and kept together.

A file of Protocol Buffers ends at 2 GiB; larger models are always of several files. Which files those are is read
without onnx, which a host that builds nothing lacks, and without the weights.
"""

from __future__ import annotations

import mmap
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgerig.errors import BuildError
from edgerig.protobuf import BYTES, fields

if TYPE_CHECKING:
    import onnx

LARGEST = 2**31 - 2**24
"""Bytes of a model that is written as one file: protobuf's limit, less what its graph may grow by."""
PLAIN = re.compile(r"[A-Za-z0-9][\w.-]{0,120}", re.ASCII)
"""A name that a file has in the store and on a device as it is, unless it is of a kind that stands beside it there."""
OURS = (".npy", ".json", ".pyz", ".log", ".onnx")
_MODEL_GRAPH, _EXTERNAL, _KEY, _VALUE = 7, 13, 1, 2
_TENSORS = {"graph": {5}, "attribute": {5, 10}, "sparse": {1, 2}}
_INNER = {"graph": {1: "node", 15: "sparse"}, "node": {5: "attribute"}, "attribute": {6: "graph", 11: "graph"}}
"""onnx.proto: message → the fields that hold tensors, and those that hold messages with tensors in them."""


def external_files(path: Path) -> list[str]:
    """The names, relative to the file's folder, sorted. Raises BuildError when it is no ONNX file, or when one of them
    lies elsewhere than below that folder, where no runtime reads it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            graphs = [(at, end) for field, at, end in _inside(content, 0, len(content)) if field == _MODEL_GRAPH]
            found = {name for at, end in graphs for name in _locations(content, at, end, "graph")}
    except (OSError, ValueError) as error:
        raise BuildError(
            f"{path}: not an ONNX file: {error}", hint="compare its size and checksum with the original"
        ) from error
    for name in found:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BuildError(
                f"{path}: its weights are in {name}, outside of its folder, where ONNX Runtime reads nothing",
                hint="put the file beside the model: onnx.save(onnx.load(…), …, save_as_external_data=True)",
            )
    return sorted(found)


def beside(path: Path) -> list[Path]:
    """The files that belong to a model's file: of one that is no ONNX file, none. Raises BuildError as above."""
    return [path.parent / name for name in external_files(path)] if path.suffix.lower() == ".onnx" else []


def require_beside(path: Path) -> None:
    """Raises BuildError naming the files of the model that are missing."""
    missing = [file.relative_to(path.parent).as_posix() for file in beside(path) if not file.is_file()]
    if missing:
        raise BuildError(
            f"{path}: its weights are in other files, which are missing: {', '.join(missing)}",
            hint=f"put them into {path.parent}, where the model's file names them",
        )


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes the model as one file, or beside one more, `<name>.data`, where it is too large for that."""
    import onnx  # a .tflite file asks for none of it

    data = path.with_name(f"{path.name}.data")
    data.unlink(missing_ok=True)  # onnx.save appends
    if model.ByteSize() <= LARGEST:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=data.name, size_threshold=1024)


def copy_whole(path: Path, target: Path) -> None:
    """Copies a model with the files that belong to it; one whose name would not do beside others gets another."""
    require_beside(path)
    names = {file.relative_to(path.parent).as_posix(): file for file in beside(path)}
    told = {name: name if _plain(name) else f"{target.name}.{i}.data" for i, name in enumerate(names)}
    if any(name != instead for name, instead in told.items()):
        _renamed(path, target, told)
    else:
        shutil.copyfile(path, target)
    for name, file in names.items():
        shutil.copyfile(file, target.parent / told[name])


def _plain(name: str) -> bool:
    return PLAIN.fullmatch(name) is not None and not name.lower().endswith(OURS)


def _renamed(path: Path, target: Path, told: dict[str, str]) -> None:
    import onnx
    from onnx.external_data_helper import _get_all_tensors, uses_external_data

    model = onnx.load(path, load_external_data=False)
    for tensor in _get_all_tensors(model):
        for entry in tensor.external_data if uses_external_data(tensor) else ():
            if entry.key == "location":
                entry.value = told[entry.value]
    target.write_bytes(model.SerializeToString())


def _locations(content: mmap.mmap, begin: int, end: int, message: str) -> Iterator[str]:
    for field, at, stop in _inside(content, begin, end):
        if field in _TENSORS.get(message, ()):
            yield from _of_tensor(content, at, stop)
        elif inner := _INNER.get(message, {}).get(field):
            yield from _locations(content, at, stop, inner)


def _of_tensor(content: mmap.mmap, begin: int, end: int) -> Iterator[str]:
    for field, at, stop in _inside(content, begin, end):
        if field == _EXTERNAL:
            entry = {each: content[a:b] for each, a, b in _inside(content, at, stop)}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, b"").decode("utf-8", "replace")


def _inside(content: mmap.mmap, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of each field that holds bytes. Raises ValueError."""
    return ((each.number, each.start, each.end) for each in fields(content, begin, end) if each.wire == BYTES)
