"""What is made for devices once and kept in the cache, whole or not at all: a folder of files, packed to be pushed.

<folder>/<key>/root/           what runs on a device
               archive.tar.gz  the same, to be pushed
               manifest.json   what it was made of
<folder>/<request>.key         which of them answers a request, so that asking again needs no network
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig.cache import take_lock, used
from edgerig.devices.bundle import wheels
from edgerig.errors import DeviceError

LOCK_TIMEOUT_S = 1800.0
COMPRESSION = 6
"""gzip's: the smallest unpackers know it, and it unpacks several times faster than xz on a small board."""


@dataclass(frozen=True)
class Kept:
    """One that is whole, in its place."""

    key: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def archive(self) -> Path:
        return self.folder / "archive.tar.gz"


def made_once(pointer: Path, lock: str, make: Callable[[], Kept], what: str, anew: bool = False) -> Kept:
    """What `pointer` names, made unless another process was first, or in any case (`anew`); who makes one of the same
    `lock` waits for it. Raises DeviceError, which calls it `what`."""
    try:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        with locked(pointer.with_name(f"{lock}.lock")):
            return (None if anew else find(pointer)) or make()
    except OSError as error:
        raise DeviceError(
            f"{what} could not be made in {pointer.parent}: {error}",
            hint="is it writable, and are there 600 MB of space?",
        ) from error


def of_code(files: Iterable[str]) -> list[str]:
    """What of the code decides what is made: the content of the `files`, and what is left out of wheels."""
    return [*(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files), *wheels.useless()]


def find(pointer: Path) -> Kept | None:
    """What `pointer` names, or None: a cache may lose anything at any time."""
    try:
        key = pointer.read_text(encoding="ascii").strip()
        folder = pointer.parent / key
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    used(pointer)
    used(folder)
    return Kept(key, folder, manifest)


def is_whole(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def keep(made: Path, manifest: dict[str, Any], pointer: Path) -> Kept:
    """What is in the folder `made`, in its place in the cache unless one of its key is there, and `pointer` to it.

    `made` lies in a folder of the cache's that is removed afterwards. Raises DeviceError, OSError.
    """
    folder = pointer.parent / manifest["key"]
    if not is_whole(folder):
        (made / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # without a manifest it is none, and in the way
        os.replace(made, folder)
    written = made.with_name("key")
    written.write_text(manifest["key"], encoding="ascii")
    os.replace(written, pointer)
    found = find(pointer)
    if found is None:
        raise DeviceError(f"{folder} vanished as soon as it was there", hint="is something clearing the cache?")
    return found


def hashed(parts: list[str]) -> str:
    """A key: 16 hexadecimal digits of the SHA-256 of all parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def sizes(made: Path, seconds: float) -> dict[str, Any]:
    """What a manifest tells of the folder `made`, whose making took so many seconds."""
    archive = made / "archive.tar.gz"
    files = [path for path in (made / "root").rglob("*") if path.is_file() and not path.is_symlink()]
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "unpacked_bytes": sum(path.stat().st_size for path in files),
        "archive_bytes": archive.stat().st_size,
        "archive_sha256": digest,
        "build_seconds": round(seconds, 1),
    }


def archived(root: Path, archive: Path) -> None:
    """`root` as a tar, its members in order and without times and owners: equal folders give equal files."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root).as_posix(), recursive=False, filter=plain)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds `path` for this thread of this process alone. Raises DeviceError when another keeps it too long."""
    with path.open("a") as file:
        if not take_lock(file, LOCK_TIMEOUT_S):
            raise DeviceError(
                f"another process has been building there for {LOCK_TIMEOUT_S:g} s",
                hint=f"is one stuck? it holds {path}",
            )
        yield
