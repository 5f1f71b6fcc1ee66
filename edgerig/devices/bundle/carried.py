"""A bundle carried from one host to another in one file, for hosts that cannot build one.

Building a bundle takes Debian's packages and a cross compiler; using one takes neither. The file is a tar of
`manifest.json` and `archive.tar.gz` as they lie in the cache. What is taken from a file is the bundle this host would
have built: by the same edgerig, of the same versions of the runtimes, with contents of the hash the manifest gives.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from pydantic import Field, ValidationError

from edgerig.cache import temporary_folder
from edgerig.devices.bundle import Bundle, architecture, content_key, keep, locked, wanted
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.errors import ConfigError, DeviceError
from edgerig.spec import Strict

MANIFEST, ARCHIVE = "manifest.json", "archive.tar.gz"
MANIFEST_LIMIT_BYTES = 2**20
ARCHIVE_LIMIT_BYTES = 2**30
UNPACKED_LIMIT_BYTES = 2**31
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
    part = file.with_name(f".{file.name}.part")
    try:
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in (MANIFEST, ARCHIVE):
                tar.add(found.folder / name, name, filter=_plain)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}", hint="give another place with --to") from error


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def load(file: Path) -> Bundle:
    """The bundle of `file`, taken into this host's cache, where every device finds it.

    Raises ConfigError for a file that is none, is damaged, or is not the one this host would build; DeviceError when
    the cache does not take it.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _manifest(tar, file)
            target = architecture(manifest["arch"])
            versions, pointer = wanted(target)
            _refuse_another(file, manifest, versions)
            try:
                return _take(tar, manifest, target.name, pointer, file)
            except OSError as error:
                raise DeviceError(
                    f"the bundle of {file} could not be kept in {pointer.parent}: {error}",
                    hint="is it writable, and are there 600 MB of space?",
                ) from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ConfigError(f"{file}: is no whole bundle ({error})", hint=f"make it with: {MAKE}") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", hint="which file is the bundle?") from error


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
        manifest: dict[str, Any] = json.loads(text)
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or MANIFEST
        raise ConfigError(f'{file}: {MANIFEST}: "{where}": {first["msg"]}', hint=f"make it with: {MAKE}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: {MANIFEST} is no JSON: {error}", hint=f"make it with: {MAKE}") from error
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


def _take(tar: tarfile.TarFile, manifest: dict[str, Any], arch: str, pointer: Path, file: Path) -> Bundle:
    pointer.parent.mkdir(parents=True, exist_ok=True)
    with locked(pointer.with_name(f"{arch}.lock")), temporary_folder(pointer.parent, ".build-") as work:
        made = work / "bundle"
        made.mkdir()
        with (made / ARCHIVE).open("wb") as archive:
            shutil.copyfileobj(_member(tar, ARCHIVE, ARCHIVE_LIMIT_BYTES, file), archive, COPY_BYTES)
        with (made / ARCHIVE).open("rb") as archive:
            digest = hashlib.file_digest(archive, "sha256").hexdigest()
        if digest != manifest["archive_sha256"]:
            raise ConfigError(
                f"{file}: {ARCHIVE} has sha256 {digest}, its manifest says {manifest['archive_sha256']}",
                hint="copy or make the file again",
            )
        _unpack(made / ARCHIVE, made / "root")
        return keep(architecture(arch), made, manifest, pointer)


def _unpack(archive: Path, root: Path) -> None:
    """The archive's files under `root`. Raises tarfile.TarError when one of them would lie anywhere else.

    (Python's own filter for that, PEP 706, is not in the Python of Debian 12.)
    """
    with tarfile.open(archive, "r:gz") as packed:
        members = packed.getmembers()
        links = {member.name for member in members if member.issym()}
        for member in members:
            path = PurePosixPath(member.name)
            plain = member.isreg() or member.isdir() or (member.issym() and "/" not in member.linkname)
            inside = not path.is_absolute() and ".." not in path.parts and links.isdisjoint(map(str, path.parents))
            if not plain or not inside:
                raise tarfile.TarError(f"it would put {member.name[:100]} where no part of a bundle belongs")
            member.mode &= 0o777
        if sum(member.size for member in members) > UNPACKED_LIMIT_BYTES:
            raise tarfile.TarError(f"unpacked it has more than {UNPACKED_LIMIT_BYTES} bytes")
        packed.extractall(root, members)  # noqa: S202, each was looked at
