"""The content-addressed store: what was built once is found again, by what it was built from.

An entry is a folder `<root>/<kind>/<key>` with files and an `entry.json` naming each file's size and sha256. It is
made in a temporary folder beside its place and renamed into it, so a half-written entry is never seen; when two
processes build the same thing at once, the first to rename wins and both go on with it. A damaged entry is removed. A
process hashes a file once: every cell of a sweep asks for its data, which may be gigabytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from edgerig.cache import sync, temporary_folder, usable, used

ENTRY = "entry.json"
Meta = TypeVar("Meta", bound=BaseModel)


def digest(value: object) -> str:
    """sha256 of the value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of the file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stored_digest(path: Path) -> str:
    """sha256 of an entry's file, from memory while the file is the one that was hashed: the kernel changes `st_ctime`
    with every write, and nobody can set it back (inode(7)). Raises OSError."""
    found = path.stat()
    return _hashed(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=100_000)
def _hashed(path: Path, *_identity: int) -> str:
    return file_digest(path)


class Store:
    def __init__(self, root: Path) -> None:
        """`root` is made when needed. Raises ConfigError when it cannot be."""
        with usable(root):
            self.root = root

    def find(self, kind: str, key: str) -> Path | None:
        """The entry's folder when it is complete and undamaged, else None."""
        folder = self.root / kind / key
        if not folder.is_dir():
            return None
        if self._intact(folder):
            used(folder)
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def meta(self, kind: str, key: str, cls: type[Meta]) -> Meta | None:
        """What `commit` was given as `meta`, as a `cls`; None when there is no such entry, or one of another version of
        edgerig, whose meta is of another form: that entry is removed."""
        folder = self.find(kind, key)
        if folder is None:
            return None
        try:
            return cls.model_validate(json.loads((folder / ENTRY).read_text(encoding="utf-8"))["meta"])
        except (OSError, ValueError, KeyError):  # pydantic's ValidationError is a ValueError
            shutil.rmtree(folder, ignore_errors=True)
            return None

    @contextlib.contextmanager
    def staging(self, kind: str) -> Iterator[Path]:
        """A temporary folder beside the entries of `kind`, removed at the end unless it was committed."""
        with temporary_folder(self.root / kind, ".staging-") as folder:
            yield folder

    def commit(self, kind: str, key: str, staged: Path, meta: dict[str, Any]) -> Path:
        """Makes `staged` the entry `key`; gives the entry's folder (an equal one may have come first)."""
        files = {
            path.name: {"size": path.stat().st_size, "sha256": file_digest(path)}
            for path in sorted(staged.iterdir())
            if path.is_file()
        }
        for path in staged.iterdir():
            sync(path)
        entry = staged / ENTRY
        entry.write_text(json.dumps({"files": files, "meta": meta}, indent=1), encoding="utf-8")
        sync(entry)
        target = self.root / kind / key
        try:
            os.rename(staged, target)
        except OSError:
            if self.find(kind, key) is None:
                os.rename(staged, target)  # what stood there was damaged and is gone now
        return target

    def _intact(self, folder: Path) -> bool:
        try:
            files = json.loads((folder / ENTRY).read_text(encoding="utf-8"))["files"]
            return all(
                (folder / name).stat().st_size == known["size"] and _stored_digest(folder / name) == known["sha256"]
                for name, known in files.items()
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False
