"""One file out of an archive: a zip (a wheel is one) or a tar, packed or not. Nothing is ever written under a name that
stands in an archive."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from edgerig.errors import FetchError
from edgerig.spec import FileSpec

PIECE_BYTES = 2**20
LARGEST_BYTES = 16 * 2**30
"""Of one member: more is no model anybody runs at the edge."""
_SHOWN = 20


def members(archive: Path) -> Mapping[str, int]:
    """Name → size in bytes of each regular file in it. Raises FetchError for what is no archive, or a damaged one."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return {each.filename: each.file_size for each in opened.infolist() if not each.is_dir()}
        with tarfile.open(archive) as tar:
            return {each.name.removeprefix("./"): each.size for each in tar if each.isreg()}
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise _damaged(archive, error) from error


def take_member(archive: Path, file: FileSpec, into: Path) -> None:
    """Writes `file.member` to the path `into`. Raises FetchError when the archive has none of its name and size."""
    sizes = members(archive)
    size = sizes.get(str(file.member))
    if size is None:
        alike = sorted(name for name in sizes if Path(name).suffix == Path(file.name).suffix)
        raise FetchError(
            f"{archive.name} has no member {file.member}",
            hint=f"of its ending it has: {', '.join(alike[:_SHOWN]) or 'none'}",
        )
    if size != file.size_bytes:
        raise FetchError(
            f"{file.member} of {archive.name} has {size:,} bytes, {file.name} has {file.size_bytes:,}",
            hint="it is another version of the file: correct the row under [[files]], or its version",
        )
    extract(archive, str(file.member), into)


def extract(archive: Path, member: str, into: Path) -> None:
    """Writes the member's bytes to the path `into`, whatever the archive says of its mode, its owner or a link.

    Raises FetchError.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened, opened.open(member) as source:
                _copy(source, into)
            return
        with tarfile.open(archive) as tar:
            found = next(each for each in tar if each.isreg() and each.name.removeprefix("./") == member)
            content = tar.extractfile(found)
            if content is not None:  # it is never for a regular file
                _copy(content, into)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        raise FetchError(f"{into}: cannot be written: {error.strerror}", hint="is there space in the cache?") from error


def _copy(source: IO[bytes], into: Path) -> None:
    left = LARGEST_BYTES
    with into.open("wb") as out:
        while piece := source.read(min(PIECE_BYTES, left)):
            out.write(piece)
            left -= len(piece)


def _damaged(archive: Path, error: Exception) -> FetchError:
    return FetchError(
        f"{archive.name} is no whole archive: {type(error).__name__}: {error}",
        hint="the download was cut short, or the address leads to something else: try again",
    )
