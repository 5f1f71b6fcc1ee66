"""Where edgerig keeps what is expensive to make and safe to lose.

    <root>/artifact|data|reference/<key>/   the store of builds      <root>/bundles/<key>/   userlands for devices
           vm/<name>                        emulated machines        native/<file>           compiled runners
           tools/<name>-<key>/              tools that need a Python environment of their own

What is made is made in a temporary folder beside its place, whose name begins with a dot, and renamed into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs

from edgerig.errors import ConfigError


def cache_root() -> Path:
    """`$EDGERIG_CACHE`, else the user's cache folder for edgerig."""
    override = os.environ.get("EDGERIG_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("edgerig"))


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """`folder` of the cache, made when needed; what the system refuses in there is a ConfigError that says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ConfigError(
            f"cache folder {folder} cannot be used: {error.strerror}", hint="set EDGERIG_CACHE to a writable folder"
        ) from error


def sync(path: Path) -> None:
    """Brings a file's or folder's contents to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LOCK_POLL_S = 0.5
IN_USE_S = 3600.0
"""An entry used within this time may belong to a sweep that is under way."""


@contextlib.contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder in `parent` (made when needed), removed at the end unless it was renamed; those of this prefix whose
    maker died are removed too. Raises OSError.

    A lock (flock(2)) on the folder says that its maker lives: the kernel lets go of it however a process ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{prefix}*"):
        _remove_if_left(left)
    folder, descriptor = _made_and_locked(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _made_and_locked(parent: Path, prefix: str) -> tuple[Path, int]:
    """A new folder and the open file that locks it; another if somebody took it for left before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            descriptor = os.open(folder, FOLDER)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits for one that is removing it
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
                return folder, descriptor
        os.close(descriptor)


def _remove_if_left(folder: Path) -> None:
    try:
        # The folder may be one that everybody writes to: what stands there is not another user's, and no link or FIFO.
        if folder.lstat().st_uid != os.geteuid():
            return
        descriptor = os.open(folder, FOLDER)
    except OSError:  # its maker has just finished with it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def take_lock(file: IO[str], timeout_s: float) -> bool:
    """Locks the open file (flock(2)) until it is closed; False when another process or thread kept it for so long."""
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > give_up:
                return False
        time.sleep(LOCK_POLL_S)


def used(entry: Path) -> None:
    """Notes that `entry` was used now: its time of modification is the order in which `prune` takes entries."""
    with contextlib.suppress(OSError):  # a cache that others share may be read-only
        os.utime(entry)


@dataclass(frozen=True)
class Pruned:
    """Entries removed and kept, with their sizes."""

    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int


def prune(root: Path, keep_bytes: int) -> Pruned:
    """Removes the entries below `root` that were used longest ago until at most `keep_bytes` are left; one used within
    the last hour stays. Raises OSError."""
    for left in root.glob("*/.prune-*"):
        _remove_if_left(left)
    now = time.time()
    found = (entry for kind in root.glob("[!.]*") for entry in kind.glob("[!.]*") if entry.suffix != ".lock")
    entries = sorted(((entry.stat().st_mtime, _size(entry), entry) for entry in found), reverse=True)
    removed = removed_bytes = kept = kept_bytes = 0
    full = False
    for last_used, size, entry in entries:
        full = full or kept_bytes + size > keep_bytes
        if full and now - last_used > IN_USE_S:
            removed, removed_bytes = removed + 1, removed_bytes + size
            # Out of sight by a rename first: of an entry that is being removed nobody must find a part.
            with temporary_folder(entry.parent, ".prune-") as doomed:
                os.replace(entry, doomed / entry.name)
        else:
            kept, kept_bytes = kept + 1, kept_bytes + size
    return Pruned(removed, removed_bytes, kept, kept_bytes)


def _size(entry: Path) -> int:
    """Bytes on the disk of a file, or of all files below a folder."""
    files = entry.rglob("*") if entry.is_dir() else [entry]
    return sum(file.lstat().st_blocks * 512 for file in files if not file.is_dir() or file.is_symlink())
