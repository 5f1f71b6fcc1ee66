"""The bundle: a self-contained userland that runs on any Linux kernel of its architecture, built once and kept.

    <cache>/bundles/<key>/root/         what runs (see `userland.py`)
                          archive.tar.gz  the same, to be pushed
                          manifest.json   what it was made of
    <cache>/bundles/<request>.key       which bundle answers a request, so that asking again needs no network

The key is a hash of every package's and wheel's name, version and content, of the compiler, and of the code that builds
it: bundles of one key are made of the same parts, on whatever host they were built.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig.cache import cache_root, take_lock, temporary_folder, used
from edgerig.devices import native
from edgerig.devices.bundle import debian, userland, wheels
from edgerig.devices.bundle.userland import ARCHITECTURES, Architecture, Parts
from edgerig.errors import DeviceError

SCHEMA = 1
LOCK_TIMEOUT_S = 1800.0
COMPRESSION = 6
"""gzip's: the smallest unpackers know it, and it unpacks several times faster than xz on a small board."""
BUILDER = (__file__, *(str(module.__file__) for module in (debian, native, userland, wheels)), str(native.SOURCE))
"""The files whose change makes another bundle."""


@dataclass(frozen=True)
class Bundle:
    """A built bundle in the cache."""

    architecture: Architecture
    key: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def archive(self) -> Path:
        return self.folder / "archive.tar.gz"

    @property
    def busybox(self) -> Path:
        """A static program of that architecture which unpacks the archive."""
        return self.root / "bin" / "busybox"

    def python(self, root: str) -> tuple[str, ...]:
        """The command that starts Python where the bundle stands at `root`: by the bundle's own loader, with nothing
        of the device's libraries, packages or caches. Raises DeviceError for a path the loader cannot be told."""
        if any(sign in root for sign in ":;$"):
            raise DeviceError(
                f"a bundle cannot stand at {root}: its loader takes ':', ';' and '$' for signs of its own",
                hint="choose a folder without them (workdir in the device file, or EDGERIG_CACHE)",
            )
        return (
            f"{root}/lib/{self.architecture.loader}",
            "--inhibit-cache",
            "--library-path",
            f"{root}/lib",
            f"{root}/bin/python{userland.PYTHON}",
            # No user packages, no working folder. What starts it clears the environment, so that of the variables only
            # the hash seed of the instruction counter is there: -I would not look at it.
            *("-s", "-P", "-B"),
        )

    def executorch_library(self, root: str) -> str:
        """The torch-free ExecuTorch runner where the bundle stands at `root`."""
        return f"{root}/lib/executorch/libedgerig_executorch.so"


def architecture(name: str) -> Architecture:
    """The architecture the kernel calls `name`. Raises DeviceError when no bundle is built for it."""
    if name not in ARCHITECTURES:
        raise DeviceError(
            f"there is no bundle for {name}, only for {', '.join(ARCHITECTURES)}",
            hint='a 64-bit arm or x86 system is needed; over SSH, runtime = "system" does without a bundle',
        )
    return ARCHITECTURES[name]


def bundle(arch: str) -> Bundle:
    """The bundle for `arch` (`aarch64`, `x86_64`), built if the cache has none: a minute, with the network.

    It holds the runtimes in exactly the versions installed here. Safe to call from several threads and processes.
    Raises DeviceError.
    """
    target = architecture(arch)
    versions, pointer = wanted(target)
    found = find(target, pointer)
    if found is not None:
        return found
    try:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        with locked(pointer.with_name(f"{arch}.lock")):
            found = find(target, pointer) or _build(target, versions, pointer)
    except OSError as error:
        raise DeviceError(
            f"the bundle for {arch} could not be built in {pointer.parent}: {error}",
            hint="is it writable, and are there 600 MB of space?",
        ) from error
    return found


def cached(arch: str | None) -> Bundle | None:
    """The bundle `bundle(arch)` would give, if this host has built it; None too where it would raise DeviceError."""
    try:
        target = architecture(arch or "")
        return find(target, wanted(target)[1])
    except DeviceError:
        return None


def wanted(target: Architecture) -> tuple[dict[str, str], Path]:
    """The runtimes' versions, and the file that names the bundle which answers for them. Raises DeviceError.

    Only what is known without the network decides. Debian's packages and the compiler are what they were when the
    bundle was built: their updates alone make no new one.
    """
    versions = {name: wheels.installed_version(name) for name in wheels.wanted()}
    parts = [target.name, str(userland.can_compile()), *(f"{name}={version}" for name, version in versions.items())]
    return versions, cache_root() / "bundles" / f"{target.name}-{_hashed([*parts, *_builder()])}.key"


def _builder() -> list[str]:
    """What, beside its parts, decides what a bundle is: the code that builds it and what it leaves out."""
    return [*(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in BUILDER), *wheels.useless()]


def _hashed(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def find(target: Architecture, pointer: Path) -> Bundle | None:
    """The bundle `pointer` names, or None: a cache may lose anything at any time."""
    try:
        key = pointer.read_text(encoding="ascii").strip()
        folder = pointer.parent / key
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    used(pointer)
    used(folder)
    return Bundle(target, key, folder, manifest)


def _build(target: Architecture, versions: dict[str, str], pointer: Path) -> Bundle:
    begin = time.monotonic()
    with temporary_folder(pointer.parent, ".build-") as work:
        parts = userland.fetch(target, versions, work)
        manifest, made = _contents(parts), work / "bundle"
        if not is_whole(pointer.parent / manifest["key"]):
            userland.assemble(parts, work / "unpacked", made / "root")
            _archive(made / "root", made / "archive.tar.gz")
            manifest |= _sizes(made, time.monotonic() - begin)
        return keep(target, made, manifest, pointer)


def is_whole(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def keep(target: Architecture, made: Path, manifest: dict[str, Any], pointer: Path) -> Bundle:
    """The bundle in the folder `made`, in its place in the cache unless one of its key is there, and `pointer` to it.

    `made` lies in a folder of the cache's that is removed afterwards. Raises DeviceError, OSError.
    """
    folder = pointer.parent / manifest["key"]
    if not is_whole(folder):
        (made / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # without a manifest it is no bundle, and in the way
        os.replace(made, folder)
    written = made.with_name("key")
    written.write_text(manifest["key"], encoding="ascii")
    os.replace(written, pointer)
    found = find(target, pointer)
    if found is None:
        raise DeviceError(f"{folder} vanished as soon as it was there", hint="is something clearing the cache?")
    return found


def content_key(contents: dict[str, Any]) -> str:
    """The key of a bundle of these contents, as this code builds it."""
    listed = [
        f"{part['name']}={part['version']}={part['sha256']}" for part in contents["packages"] + contents["wheels"]
    ]
    return _hashed([contents["arch"], contents["compiler"], str(contents["python_compiled"]), *listed, *_builder()])


def _contents(parts: Parts) -> dict[str, Any]:
    """What a bundle is made of, and the key that follows from it."""

    def listed(items: Iterable[debian.Package | wheels.Wheel]) -> list[dict[str, str]]:
        return [{"name": item.name, "version": item.version, "sha256": item.sha256} for item in items]

    contents = {
        "arch": parts.architecture.name,
        "packages": listed(parts.packages),
        "wheels": listed((*parts.runtimes, parts.executorch)),
        "compiler": parts.compiler,
        "python_compiled": userland.can_compile(),
    }
    return {"schema": SCHEMA, "key": content_key(contents), **contents}


def _sizes(made: Path, seconds: float) -> dict[str, Any]:
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


def _archive(root: Path, archive: Path) -> None:
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
                f"another process has been building a bundle for {LOCK_TIMEOUT_S:g} s",
                hint=f"is one stuck? it holds {path}",
            )
        yield
