"""A bundle carried from one host to another in one file, for hosts that cannot build one.

Building a bundle takes Debian's packages and a cross compiler; using one takes neither. The file is a tar of
`manifest.json` and `archive.tar.gz` as they lie in the cache. It is taken where the manifest fits: the same edgerig,
the same versions of the runtimes, an archive of the hash it gives. Nobody vouches for the manifest itself, and what is
in the archive runs on the devices and, emulated, on this host: take it from somebody you trust.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from pydantic import Field, ValidationError

from edgerig.cache import temporary_folder
from edgerig.confined import open_named
from edgerig.devices.bundle import Bundle, architecture, content_key, kept, of, wanted
from edgerig.devices.bundle.userland import ARCHITECTURES, Architecture
from edgerig.errors import ConfigError, DeviceError
from edgerig.spec import Strict

MANIFEST, ARCHIVE = "manifest.json", "archive.tar.gz"
MANIFEST_LIMIT_BYTES = 2**20
ARCHIVE_LIMIT_BYTES = 2**28
UNPACKED_LIMIT_BYTES = 2**29
"""Of members with their headers; three times what a bundle has."""
TAR_BLOCK_BYTES = 512
COPY_BYTES = 2**20
MAKE = "edgerig devices bundle ARCH --to FILE"


class _Part(Strict):
    name: str
    version: str
    sha256: str


class _Manifest(Strict):
    """What the manifest of a file from elsewhere must be."""

    schema_: Literal[1] = Field(alias="schema")
    key: str = Field(pattern=r"^[0-9a-f]{16}$")
    arch: str
    packages: tuple[_Part, ...]
    wheels: tuple[_Part, ...]
    compiler: str
    python_compiled: bool
    unpacked_bytes: int = Field(ge=0, le=UNPACKED_LIMIT_BYTES)
    archive_bytes: int = Field(ge=0, le=ARCHIVE_LIMIT_BYTES)
    archive_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    build_seconds: float


def save(found: Bundle, file: Path) -> None:
    """Writes the bundle to `file`, whole or not at all. Raises ConfigError when it cannot be written."""
    try:
        descriptor, part = tempfile.mkstemp(dir=file.absolute().parent, prefix=".bundle-")
        try:
            with (
                os.fdopen(descriptor, "wb") as new,
                tarfile.open(fileobj=new, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                for name in (MANIFEST, ARCHIVE):
                    tar.add(found.folder / name, name, filter=_plain)
                os.fchmod(descriptor, 0o644)  # root of a container may have made it for somebody outside
            os.replace(part, file)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error}", hint="give another place with --to") from error


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def load(file: Path) -> Bundle:
    """The bundle of `file`, taken into this host's cache, where every device finds it.

    Raises ConfigError for a file that is none, is damaged, or does not fit this host; DeviceError when the cache does
    not take it.
    """
    try:
        with open_named(file) as opened, tarfile.open(fileobj=opened, mode="r:") as tar:
            manifest = _manifest(tar, file)
            target = architecture(manifest["arch"])
            versions, pointer = wanted(target)
            _refuse_another(file, manifest, versions)
            try:
                return _take(tar, manifest, target, pointer, file)
            except OSError as error:
                raise DeviceError(
                    f"the bundle of {file} could not be kept in {pointer.parent}: {error}",
                    hint="is it writable, and are there 600 MB of space?",
                ) from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:  # what tarfile may raise
        raise ConfigError(f"{file}: is no whole bundle ({error})", hint=f"make it with: {MAKE}") from error
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror or error}", hint="which file is the bundle?"
        ) from error


def _member(tar: tarfile.TarFile, name: str, limit: int, file: Path) -> IO[bytes]:
    try:
        member = tar.getmember(name)
    except KeyError:
        member = None
    opened = tar.extractfile(member) if member is not None and member.isreg() and member.size <= limit else None
    if opened is None:
        raise ConfigError(f"{file}: holds no {name} of at most {limit} bytes", hint=f"make it with: {MAKE}")
    return opened


def _manifest(tar: tarfile.TarFile, file: Path) -> dict[str, Any]:
    text = _member(tar, MANIFEST, MANIFEST_LIMIT_BYTES, file).read()
    try:
        manifest = _Manifest.model_validate_json(text, strict=True).model_dump(mode="json", by_alias=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise ConfigError(f"{file}: {MANIFEST}: {where}{first['msg']}"[:500], hint=f"make it with: {MAKE}") from error
    if manifest["arch"] not in ARCHITECTURES:
        raise ConfigError(
            f'{file}: is for "{manifest["arch"][:40]}"', hint=f"bundles are for {', '.join(ARCHITECTURES)}"
        )
    return manifest


def _refuse_another(file: Path, manifest: dict[str, Any], versions: dict[str, str]) -> None:
    held = {part["name"]: part["version"] for part in manifest["wheels"]}
    for name, version in versions.items():
        if held.get(name) != version:
            raise ConfigError(
                f"{file}: holds {name} {held.get(name, 'not at all')}, installed here is {version}",
                hint=f"pip install {name}=={held[name]}, or make the file where {name} is {version}"
                if name in held
                else f"make it with: {MAKE}",
            )
    if content_key(manifest) != manifest["key"]:
        raise ConfigError(
            f"{file}: was built by another edgerig than this one, or its manifest was changed",
            hint=f"make it with the edgerig that is installed here: {MAKE}",
        )


def _take(tar: tarfile.TarFile, manifest: dict[str, Any], target: Architecture, pointer: Path, file: Path) -> Bundle:
    pointer.parent.mkdir(parents=True, exist_ok=True)
    with kept.locked(pointer.with_name(f"{target.name}.lock")), temporary_folder(pointer.parent, ".build-") as work:
        made = work / "bundle"
        made.mkdir()
        with (made / ARCHIVE).open("wb") as archive:
            shutil.copyfileobj(_member(tar, ARCHIVE, ARCHIVE_LIMIT_BYTES, file), archive, COPY_BYTES)
        with (made / ARCHIVE).open("rb") as archive:
            digest, size = hashlib.file_digest(archive, "sha256").hexdigest(), archive.tell()
        if (digest, size) != (manifest["archive_sha256"], manifest["archive_bytes"]):
            raise ConfigError(
                f"{file}: {ARCHIVE} has {size} bytes and sha256 {digest}, its manifest says "
                f"{manifest['archive_bytes']} and {manifest['archive_sha256']}",
                hint="copy or make the file again",
            )
        _unpack(made / ARCHIVE, made / "root")
        _set_aside(pointer.parent / manifest["key"], digest, work / "old")
        return of(target, kept.keep(made, manifest, pointer))


def _set_aside(folder: Path, digest: str, aside: Path) -> None:
    """A bundle of the same key with another archive makes room: it is this file that was asked for."""
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["archive_sha256"]
    except FileNotFoundError:
        return
    except (ValueError, LookupError, TypeError):
        known = None
    if known != digest:
        os.replace(folder, aside)


def _unpack(archive: Path, root: Path) -> None:
    """The archive's folders, files and links under `root`. Raises tarfile.TarError for anything else.

    Links come last, so that nothing is written through one; each names a neighbour. (Python's own filter for hostile
    archives, PEP 706, is not in the Python of Debian 12.)
    """
    links, left = dict[Path, str](), UNPACKED_LIMIT_BYTES
    with tarfile.open(archive, "r|gz") as packed:
        for member in packed:
            path = PurePosixPath(member.name)
            left -= max(member.size, 0) + TAR_BLOCK_BYTES
            if left < 0:
                raise tarfile.TarError(f"unpacked it has more than {UNPACKED_LIMIT_BYTES} bytes")
            if path.is_absolute() or ".." in path.parts:
                raise _astray(member)
            try:
                (root / path.parent).mkdir(parents=True, exist_ok=True)
                if member.isdir():
                    (root / path).mkdir(exist_ok=True)
                elif member.issym() and PurePosixPath(member.linkname).name == member.linkname not in ("", ".."):
                    links[root / path] = member.linkname
                else:
                    _write(packed, member, root / path)
            except (FileExistsError, NotADirectoryError) as error:
                raise tarfile.TarError(f"two of its members have the place of {member.name[:100]}") from error
    for link, neighbour in links.items():
        try:
            link.symlink_to(neighbour)
        except FileExistsError as error:
            raise tarfile.TarError(f"two of its members have the place of {link.name[:100]}") from error


def _write(packed: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = packed.extractfile(member) if member.isreg() else None
    if content is None:
        raise _astray(member)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, COPY_BYTES)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _astray(member: tarfile.TarInfo) -> tarfile.TarError:
    return tarfile.TarError(f"{member.name[:100]} is no file, folder or link of a bundle's")
