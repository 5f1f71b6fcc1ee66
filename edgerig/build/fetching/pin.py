"""What a model's name stands for, pinned: its files in the cache, and beside them a `model.toml` with their addresses
and sha256, which anybody can copy and fetch again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from edgerig.cache import temporary_folder, usable
from edgerig.spec import FileSpec, Named, sha256_of
from edgerig.spec.named import LOCK

Key = str | int | float | bool | list[int] | list[str]


@dataclass(frozen=True)
class Brought:
    """A file somewhere on this machine, whole, and the row it becomes. `member` is its name in the archive at `url`."""

    path: Path
    name: str
    url: str
    member: str | None = None


@dataclass(frozen=True)
class Pinned:
    """`keys` of the `model.toml`, in order; `inputs` its tables. `weights` is the file of state among `files`."""

    keys: Mapping[str, Key]
    files: tuple[Brought, ...]
    licence: str = ""
    weights: str = ""
    inputs: tuple[Mapping[str, Key], ...] = ()


def write(model: Named, pinned: Pinned) -> tuple[FileSpec, ...]:
    """Moves the files to their place and writes the `model.toml`, which appears last. Raises ConfigError."""
    folder = model.lock.parent
    with usable(folder):
        rows = tuple(_placed(each, pinned.licence, folder) for each in pinned.files)
        with temporary_folder(folder.parent, ".pin-") as work:
            (work / LOCK).write_text(_document(pinned, rows), encoding="utf-8")
            os.replace(work / LOCK, model.lock)
    return rows


def _placed(brought: Brought, licence: str, folder: Path) -> FileSpec:
    row = FileSpec(
        name=brought.name,
        url=brought.url,
        member=brought.member,
        sha256=sha256_of(brought.path),
        size_bytes=brought.path.stat().st_size,
        licence=licence,
    )
    place = folder / brought.name
    place.parent.mkdir(parents=True, exist_ok=True)
    brought.path.chmod(0o644)  # a temporary file may be its maker's alone, the cache may be shared
    os.replace(brought.path, place)
    return row


def _document(pinned: Pinned, rows: tuple[FileSpec, ...]) -> str:
    document = tomlkit.document()
    keys = {**pinned.keys, "licence": pinned.licence}
    if pinned.weights:
        keys |= {"weights": pinned.weights}
        keys |= {"weights_sha256": next(row.sha256 for row in rows if row.name == pinned.weights)}
    for key, value in keys.items():
        document.add(key, tomlkit.item(value))
    for name, tables in (("inputs", pinned.inputs), ("files", [_row(row) for row in rows])):
        if tables:
            array = tomlkit.aot()
            for table in tables:
                array.append(tomlkit.item(dict(table)))
            document.add(name, array)
    return tomlkit.dumps(document)


def _row(row: FileSpec) -> Mapping[str, Key]:
    return {key: value for key, value in row.model_dump(mode="json").items() if value not in (None, "")}
