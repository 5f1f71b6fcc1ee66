"""Files of a folder that somebody else may have made: opened below it, never through a link, and only regular ones.

A run's folder may come from anybody (a colleague, a CI job's archive), and what stands in it is data. A symbolic link
in it could lead a reader to any file and a writer over any file of the user's; a FIFO, a device or an endless file
would hold a reader up for ever. So a name is opened one component after the other, each below the descriptor of the one
before (openat(2) with O_NOFOLLOW), which no link can lead astray and no later exchange of a folder either; what opens
is asked for its type before anything is read (O_NONBLOCK, fstat(2)), since opening a FIFO otherwise waits for its other
end (fifo(7)). New files get a name nobody knows beforehand, with O_EXCL, and are renamed into their place, which
replaces a link that stands there and never what it leads to (rename(2)).

The root itself is what the user named, and is followed. Hard links cannot be told from files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64
"""Names one below the other; a run's folder has five."""
_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link, which is not followed here",
}


@dataclass(frozen=True)
class Confined:
    """What `relative` names below the folder `root`; "" is the root itself. Every method that takes a file raises
    OSError, also for a name that leads elsewhere or is none."""

    root: Path
    relative: str = ""

    @classmethod
    def at(cls, path: Path | Confined) -> Confined:
        """The file `path`: the folder it stands in is followed, itself it is not."""
        return path if isinstance(path, Confined) else cls(path.parent, path.name)

    def __truediv__(self, name: str) -> Confined:
        return Confined(self.root, f"{self.relative}/{name}" if self.relative else name)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        """For messages, and for other libraries to take after `refuse_links`."""
        return self.root / self.relative if self.relative else self.root

    @property
    def name(self) -> str:
        return self.relative.rpartition("/")[2] or self.root.name

    def open(self) -> BinaryIO:
        """The regular file, to be read."""
        folder, name = self._folder()
        try:
            return _regular(os.open(name, _READ, dir_fd=folder), str(self))
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO) and (kind := _type(name, folder)):
                raise OSError(errno.EINVAL, f"is {kind}", str(self)) from error
            raise
        finally:
            os.close(folder)

    def read_bytes(self, limit: int) -> bytes:
        """All of the regular file, which has at most `limit` bytes."""
        with self.open() as file:
            return _all(file, limit, str(self))

    def is_file(self) -> bool:
        """Is it a regular file?"""
        return self._is(stat.S_ISREG)

    def is_dir(self) -> bool:
        """Is it a folder?"""
        return self._is(stat.S_ISDIR)

    def is_there(self) -> bool:
        """Is anything there, a link too?"""
        return self._is(lambda _: True)

    def replace(self, content: bytes) -> Path:
        """Writes the file (folders made if missing) in one step, durably; gives where it is."""
        folder, name = self._folder(make=True)
        temporary = f".{os.urandom(8).hex()}.tmp"
        try:
            with open(os.open(temporary, _NEW, 0o666, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise OSError(error.errno, error.strerror, str(self)) from error
        finally:
            os.close(folder)
        return self.path

    def make_fresh(self) -> Path:
        """Makes the folder anew, empty (those above made if missing), whatever stood in its place; gives where it
        is. No link is followed on the way, nor inside."""
        folder, name = self._folder(make=True)
        try:
            try:
                os.unlink(name, dir_fd=folder)  # a file, or a link in the folder's place
            except FileNotFoundError:
                pass
            except (IsADirectoryError, PermissionError):  # what unlink(2) says of a folder, and POSIX
                shutil.rmtree(name, dir_fd=folder)
            os.mkdir(name, dir_fd=folder)
        finally:
            os.close(folder)
        return self.path

    def check(self) -> None:
        """Raises OSError where no file can have that name, it leads elsewhere, or a link stands above it."""
        with contextlib.suppress(FileNotFoundError):
            os.close(self._folder()[0])

    def make_room(self) -> None:
        """Makes the folder it is to stand in, and those above, where they are missing."""
        os.close(self._folder(make=True)[0])

    def names(self) -> list[str]:
        """What the folder holds, in order."""
        folder, _ = (self / "x")._folder()
        try:
            return sorted(os.listdir(folder))
        finally:
            os.close(folder)

    def refuse_links(self) -> Path:
        """The path, for a library that opens it itself: raises OSError where a link stands in it now."""
        folder, name = self._folder()
        kind = _type(name, folder)
        os.close(folder)
        if kind not in ("", _TYPES[stat.S_IFDIR]):
            raise OSError(errno.EINVAL, f"is {kind}", str(self))
        return self.path

    def _is(self, kind: Callable[[int], bool]) -> bool:
        if not self.relative:
            return kind(stat.S_IFDIR) and self.root.is_dir()
        try:
            folder, name = self._folder()
            try:
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            finally:
                os.close(folder)
        except OSError:
            return False
        return kind(mode)

    def _folder(self, *, make: bool = False) -> tuple[int, str]:
        """A descriptor of the folder it stands in, and its name there."""
        *above, name = _components(self.relative, str(self))
        if make:
            self.root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.root, _FOLDER)
        for part in above:
            try:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            except OSError as error:
                kind = _type(part, folder)
                os.close(folder)
                if error.errno in (errno.ELOOP, errno.ENOTDIR) and kind:
                    raise NotADirectoryError(errno.ENOTDIR, f"{part!r} is {kind}", str(self)) from error
                raise
            os.close(folder)
            folder = below
        return folder, name


def read_named(path: Path, limit: int) -> bytes:
    """All of the file that the user named, which a link may lead to: a regular one of at most `limit` bytes. Raises
    OSError."""
    with open_named(path) as file:
        return _all(file, limit, str(path))


def open_named(path: Path) -> BinaryIO:
    """The regular file that the user named, to be read. Raises OSError."""
    try:
        return _regular(os.open(path, _READ & ~os.O_NOFOLLOW), str(path))
    except ValueError as error:
        raise OSError(errno.EINVAL, f"is no name of a file: {error}", str(path)) from error


def _regular(descriptor: int, name: str) -> BinaryIO:
    """Closes the descriptor where it is of no regular file, and raises OSError."""
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {_kind(mode)}, not a regular file", name)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _all(file: BinaryIO, limit: int, name: str) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit:,} bytes", name)
    return content


def _components(relative: str, shown: str) -> list[str]:
    """The names one below the other. Raises OSError where one leads elsewhere, or no file can have it."""
    parts = relative.split("/")
    if len(parts) > _DEEPEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), shown)
    if {"", ".", ".."} & set(parts):
        raise OSError(errno.EINVAL, "lies outside the folder", shown)
    try:
        if "\0" not in os.fsdecode(os.fsencode(relative)):
            return parts
    except UnicodeEncodeError:
        pass
    raise OSError(errno.EINVAL, "no file has such a name: a null or half a character is in it", shown)


def _type(name: str, folder: int) -> str:
    """What stands there that is no regular file, in words; "" for nothing and for a regular file."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return ""
    return "" if stat.S_ISREG(mode) else _kind(mode)


def _kind(mode: int) -> str:
    return _TYPES.get(stat.S_IFMT(mode), "of an unknown type")
