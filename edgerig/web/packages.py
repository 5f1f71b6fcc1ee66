"""Packages of npm, brought once into the cache by npm itself, from whatever registry it is set up for.

    <cache>/web/<row>-<key>/node_modules/<package>/…       what the row lists of each
    <cache>/web/tarballs/<name>-<version>.tgz              where one may be put by hand, on a machine without npm

A package is accepted by the sha512 in the row alone (the Subresource Integrity of its tarball), wherever it
comes from. No code of a package runs: `npm pack` of a registry's package downloads and no more.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from edgerig import process
from edgerig.cache import cache_root, temporary_folder, used
from edgerig.errors import DeviceError
from edgerig.spec import EngineSpec, NpmPackage, OfNpm

DEADLINE_S = 900.0
SAID_LIMIT = 400
LARGEST_FILE = 256 * 2**20
"""Bytes of one member: more is no file of a runtime's."""


def modules_of(row: OfNpm, say: Callable[[str], None]) -> Path:
    """The folder `node_modules` with the row's packages, made when the cache has none; `say` is told before anything
    is downloaded. Raises DeviceError."""
    modules = place_of(row)
    folder = modules.parent
    try:
        if not folder.is_dir():
            _make(row, folder, say)
        used(folder)
    except OSError as error:
        raise DeviceError(
            f"{row.runtime} could not be kept in {folder.parent}: {error.strerror or error}",
            hint="is the cache writable, and is there space?",
        ) from error
    return modules


def place_of(row: OfNpm) -> Path:
    """Where `modules_of` has them, or will."""
    listed = "\0".join(f"{each.name} {each.integrity} {' '.join(each.files)}" for each in row.packages)
    digest = hashlib.sha256(listed.encode()).hexdigest()[:16]
    return cache_root() / "web" / f"{row.name}-{digest}" / "node_modules"


def imports_of(engine: EngineSpec, *, node: bool) -> dict[str, str]:
    """Package → the file of it that is imported."""
    chosen = {each.name: (each.node if node else "") or each.main for each in engine.packages}
    return {name: file for name, file in chosen.items() if file}


def _make(row: OfNpm, folder: Path, say: Callable[[str], None]) -> None:
    with temporary_folder(folder.parent, f".new-{row.name}-") as work:
        for package in row.packages:
            tarball = _by_hand(package)
            if not tarball.is_file():
                say(f"downloading {package.name} {package.version} with npm, once, into {folder.parent}")
                tarball = _pack(package, work)
            _check(package, tarball)
            _unpack(package, tarball, work / "made" / "node_modules" / package.name)
        if not folder.exists():  # another process may have been faster
            os.replace(work / "made", folder)


def _by_hand(package: NpmPackage) -> Path:
    return cache_root() / "web" / "tarballs" / _file_name(package)


def _file_name(package: NpmPackage) -> str:
    return f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"


def _pack(package: NpmPackage, work: Path) -> Path:
    """The tarball, downloaded into `work`."""
    wanted = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise _not_had(package, "npm is not installed")
    command = [npm, "pack", wanted, "--ignore-scripts", "--silent", f"--pack-destination={work}", f"--cache={work}/npm"]
    done = process.run(command, timeout_s=DEADLINE_S, cwd=work)
    tarball = work / _file_name(package)
    if done.returncode != 0 or done.timed_out or not tarball.is_file():
        said = done.stderr.decode("utf-8", "replace").strip()[-SAID_LIMIT:]
        raise _not_had(package, f"not within {DEADLINE_S:g} s" if done.timed_out else said or "npm said nothing")
    return tarball


def _not_had(package: NpmPackage, why: str) -> DeviceError:
    return DeviceError(
        f"{package.name} {package.version} could not be downloaded: {why}",
        hint=f'does "npm pack {package.name}@{package.version}" work? Else put its tarball there: {_by_hand(package)}',
    )


def _check(package: NpmPackage, tarball: Path) -> None:
    with tarball.open("rb") as file:
        found = "sha512-" + base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if found != package.integrity:
        raise DeviceError(
            f"{tarball.name} has {found}, {package.name} {package.version} is {package.integrity}",
            hint="it is damaged or another package: is the registry that npm is set up for to be trusted?",
        )


def _unpack(package: NpmPackage, tarball: Path, into: Path) -> None:
    """Its listed files, below `into`. The names are those of bytes we have pinned; none may lead elsewhere even so."""
    kept = 0
    try:
        with tarfile.open(tarball) as archive:
            for member in archive:
                name = member.name.partition("/")[2]  # npm's first folder, whatever it is called
                if not member.isreg() or not any(fnmatch.fnmatchcase(name, glob) for glob in package.files):
                    continue
                place = into / name
                source = archive.extractfile(member)
                if source is None or ".." in place.parts or member.size > LARGEST_FILE:
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as out:
                    shutil.copyfileobj(source, out)
                place.chmod(0o755 if member.mode & 0o100 else 0o644)
                kept += 1
    except (tarfile.TarError, EOFError) as error:
        raise DeviceError(f"{tarball.name} is no whole archive: {error}", hint="remove it, and try again") from error
    if kept < len(package.files):
        raise DeviceError(f"{tarball.name} has only {kept} of the files {', '.join(package.files)}")
