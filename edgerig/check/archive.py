"""A zip archive of an app (`.apk`, `.aab`, `.aar`, `.whl`), listed and read within bounds; nothing is unpacked to disk.

A hostile archive names members outside its folder, declares petabytes, or lists millions of members: names are never
used as paths here, a member is read up to a limit whatever it declares, and the list's size is looked up in the end
record (APPNOTE.TXT 6.3.10, section 4.3.16) before zipfile loads it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from edgerig.check.verdicts import Broken

MAGIC = b"PK\x03\x04"
_LIST_LIMIT = 64 << 20
"""Bytes of the list of members: about half a million names."""
_END = b"PK\x05\x06"
_END_BYTES = 22 + 0xFFFF
"""The end record with the longest comment there can be."""
_NEED_ZIP64 = 0xFFFFFFFF
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""What zipfile raises on archives it does not like: RuntimeError is an encrypted member's."""


@dataclass(frozen=True)
class Member:
    """A file of the archive: its size in bytes, and where its data begins in the archive when it is stored as it is
    (None: compressed)."""

    name: str
    size: int
    data_offset: int | None
    info: zipfile.ZipInfo


@contextmanager
def opened(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The archive in `file`. Raises Broken."""
    _bound_list(file)
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise Broken(f"is no sound zip archive: {error}") from error
    with archive:
        yield archive


def members(archive: zipfile.ZipFile, file: BinaryIO) -> Iterator[Member]:
    """Every member that is a file; a name that stands twice comes twice. Raises Broken."""
    for info in archive.infolist():
        if info.is_dir():
            continue
        offset = _data_offset(file, info) if info.compress_type == zipfile.ZIP_STORED else None
        yield Member(info.filename, info.file_size, offset, info)


def read(archive: zipfile.ZipFile, member: Member, limit: int) -> bytes:
    """The member's first `limit` bytes, or all. Raises Broken."""
    try:
        with archive.open(member.info) as stream:
            return stream.read(limit)
    except _DAMAGED as error:
        raise Broken(f"cannot be read from the archive: {error}") from error


def _data_offset(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where the stored data begins: behind the local header, whose name and extra field have lengths of their own
    (APPNOTE.TXT, section 4.3.7). Raises Broken."""
    file.seek(info.header_offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(MAGIC):
        raise Broken(f"the archive has no member where its list says {info.filename!r} is")
    name, extra = struct.unpack_from("<HH", header, 26)
    return int(info.header_offset + 30 + name + extra)


def _bound_list(file: BinaryIO) -> None:
    """Raises Broken for a list of members that is larger than any app's."""
    size = file.seek(0, 2)
    start = file.seek(max(0, size - _END_BYTES))
    tail = file.read(_END_BYTES)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise Broken("is no zip archive: it has no end record")
    length = struct.unpack_from("<I", tail, at + 12)[0]
    if length == _NEED_ZIP64:
        # The list lies between its start and this record, so the file bounds it where zip64 says its size.
        length = start + at
    if length > _LIST_LIMIT:
        raise Broken(f"its list of members has {length:,} bytes, over {_LIST_LIMIT:,}", "no app has that many files")
