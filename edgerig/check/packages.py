"""Archives of apps: every library and every model in them, and what the archive itself does to them."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from edgerig.check import archive, elf, libraries, models
from edgerig.check.archive import Member
from edgerig.check.libraries import PAGE
from edgerig.check.targets import Targets
from edgerig.check.verdicts import FILE, Broken, Finding, Verdict, broken

ZIP = "zip alignment"
_MODEL_LIMIT = 1 << 30
"""Bytes of one model in an archive; it is read into memory."""
_TOTAL_LIMIT = 4 << 30
"""Bytes of all models of one archive."""
REALIGN = "zipalign -P 16 (build-tools 35), or build with Android Gradle Plugin 8.5.1 or newer"


def findings(file: BinaryIO, suffix: str, targets: Targets) -> list[Finding]:
    """Of the archive in `file`, whose name ends with `suffix`. Raises Broken when it is no archive."""
    with archive.opened(file) as opened:
        listed = list(archive.members(opened, file))
        found = [*_libraries(opened, listed, suffix), *_models(opened, listed, suffix, targets)]
    return found or [Finding(Verdict.OK, FILE, "has neither a shared library nor a model")]


def _libraries(opened: zipfile.ZipFile, listed: list[Member], suffix: str) -> Iterator[Finding]:
    sound = {posixpath.basename(member.name) for member in listed if _abi(member) in libraries.ABIS}
    for member in listed:
        if not _is_library(member.name):
            continue
        if _abi(member) in libraries.ABIS_32 and posixpath.basename(member.name) in sound:
            what = f"{_abi(member)} is a 32-bit target: {libraries.NO_WHEELS}; its 64-bit twin is checked"
            yield Finding(Verdict.NOTE, libraries.BITS, what, member.name)
            continue
        try:
            prefix = archive.read(opened, member, elf.PREFIX)
        except Broken as error:
            yield broken(error, member.name)
            continue
        if not prefix.startswith(elf.MAGIC) and ".so." in posixpath.basename(member.name):
            continue  # libx.so.md, libx.so.sig: named after a library and none
        yield from libraries.findings(prefix, member.size, member.name, linux_desktop=suffix == ".whl")
        if suffix == ".apk":
            yield from _alignment(member)


def _alignment(member: Member) -> Iterator[Finding]:
    """A stored library is mapped out of the APK where it stands, so that its data begins at a multiple of the page
    ("Support 16 KB page sizes", uncompressed libraries); a compressed one is unpacked when the app is installed."""
    if member.data_offset is None:
        what = "is compressed: it is unpacked at installation (extractNativeLibs), its place in the APK does not matter"
        yield Finding(Verdict.OK, ZIP, what, member.name)
    elif member.data_offset % PAGE:
        what = f"its data begins at {member.data_offset}, {member.data_offset % PAGE} bytes past a multiple of 16 KB"
        yield Finding(Verdict.FAILS, ZIP, what, member.name, REALIGN)
    else:
        yield Finding(Verdict.OK, ZIP, "its data begins at a multiple of 16 KB", member.name)


def _models(opened: zipfile.ZipFile, listed: list[Member], suffix: str, targets: Targets) -> Iterator[Finding]:
    left = _TOTAL_LIMIT
    for member in listed:
        kind = posixpath.splitext(member.name)[1].lower()
        if kind not in models.KINDS:
            continue
        limit = min(_MODEL_LIMIT, left)
        if member.size > limit:
            what = f"a model of {member.size:,} bytes in an archive is not read, {limit:,} are"
            yield Finding(Verdict.NOTE, FILE, what, member.name, "check the model's file itself")
            continue
        try:
            content = archive.read(opened, member, limit)
            left -= len(content)
            yield from models.findings(content, kind, targets, member.name)
        except Broken as error:
            yield broken(error, member.name)
        if suffix == ".apk" and member.data_offset is None:
            what = "is compressed in the APK: it cannot be mapped, only read into memory"
            fix = f'androidResources {{ noCompress += "{kind[1:]}" }} in build.gradle'
            yield Finding(Verdict.NOTE, ZIP, what, member.name, fix)


def _abi(member: Member) -> str:
    return posixpath.basename(posixpath.dirname(member.name))


def _is_library(name: str) -> bool:
    """libx.so, libx.so.1.2, x.cpython-311-aarch64-linux-gnu.so."""
    base = posixpath.basename(name)
    return base.endswith(".so") or ".so." in base
