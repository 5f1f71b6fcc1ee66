"""The runtimes' wheels for another machine: fetched with pip, unpacked without what a device has no use for."""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import extras, process
from edgerig.errors import DeviceError
from edgerig.spec import EngineSpec, load_engines

OLDEST_GLIBC, NEWEST_GLIBC = 17, 36
"""glibc 2.x that wheels may ask for: manylinux2014's, up to that of the bundle's own Debian."""
DOWNLOAD_TIMEOUT_S = 600.0
SAID_LIMIT = 600
ELSEWHERE = (
    f'does "{sys.executable} -m pip download numpy" work? A host without a network takes the wheels from a folder '
    '("edgerig devices provision NAME --from FOLDER") or a whole bundle ("edgerig devices bundle --from FILE")'
)
USELESS = (
    "*/tests/*",
    "*.pyi",
    "*.pxd",
    "*.h",
    "*.a",
    "*.dist-info/RECORD",
    "numpy/f2py/*",
    "numpy/distutils/*",
)
"""Files, as paths in their wheel, that neither importing a runtime nor running a model opens; rows have more."""


@dataclass(frozen=True)
class Wheel:
    """A downloaded wheel."""

    name: str
    version: str
    sha256: str
    file: Path


def wanted() -> tuple[str, ...]:
    """The distributions a bundle holds: numpy and those of the engines that are brought, last those that a library is
    compiled against."""
    engines = [engine for engine in load_engines().values() if engine.brought]
    ordered: list[EngineSpec] = [*(e for e in engines if not e.native), *(e for e in engines if e.native)]
    return tuple(dict.fromkeys(("numpy", *(name for engine in ordered for name in engine.distributions))))


def useless() -> tuple[str, ...]:
    """Globs of the files that no bundle has."""
    return (*USELESS, *(glob for engine in load_engines().values() for glob in engine.skip))


def installed_version(name: str) -> str:
    """The version of the distribution `name` that devices get, without a local part: the one installed here, else the
    one that edgerig's own metadata pins. Raises DeviceError."""
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError as error:
        if version := extras.pinned(name):
            return version
        raise DeviceError(
            f"{name} is not installed here: which version should run on the device?",
            hint=f'"{sys.executable} -m pip install {name}"',
        ) from error


def download(
    versions: dict[str, str],
    python: str,
    machine: str,
    into: Path,
    newest_glibc: int = NEWEST_GLIBC,
    source: Path | None = None,
) -> list[Wheel]:
    """Downloads exactly these distributions for `python` ("3.11") on the `machine` ("aarch64") with glibc
    2.`newest_glibc`, nothing they need; from the folder `source` alone where one is given.

    Platform tags: https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/ (PEP 600).
    Raises DeviceError.
    """
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(OLDEST_GLIBC, newest_glibc + 1)]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python),
        *(part for platform in platforms for part in ("--platform", platform)),
        *(("--no-index", "--find-links", str(source)) if source else ()),
        *("--dest", str(into)),
        *(f"{name}=={version}" for name, version in versions.items()),
    ]
    # What pip is otherwise told of where wheels are does not count beside a folder that was named.
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""} if source else {}
    try:
        done = process.run(command, timeout_s=DOWNLOAD_TIMEOUT_S, env={**os.environ, "LC_ALL": "C.UTF-8", **alone})
    except OSError as error:
        raise DeviceError(f"{sys.executable} cannot be started: {error.strerror}") from error
    where = f"Python {python} on {machine} with glibc 2.{newest_glibc}"
    if done.timed_out:
        raise DeviceError(f"pip did not bring the wheels for {where} within {DOWNLOAD_TIMEOUT_S:g} s", hint=ELSEWHERE)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        lacking = re.findall(r"No matching distribution found for (\S+)", said)
        needed = [f"{name}=={version}" for name, version in versions.items()]
        listed = ", ".join(lacking or needed)
        raise DeviceError(
            f"no wheel of {listed} for {where} {f'in {source}' if source else 'could be downloaded'}: "
            f"{said[-SAID_LIMIT:] or 'pip said nothing'}",
            hint=f"{ELSEWHERE}. Needed: {', '.join(needed)}"
            if importlib.util.find_spec("pip")
            else f'"{sys.executable} -m ensurepip" brings pip',
        )
    wheels = {wheel.name: wheel for wheel in map(_wheel, sorted(into.glob("*.whl")))}
    missing = [name for name in versions if name not in wheels]
    if missing:
        raise DeviceError(f"pip downloaded no wheel of {', '.join(missing)}", hint="is the package index complete?")
    return [wheels[name] for name in versions]


def unpack(wheel: Wheel, into: Path, skip: Sequence[str] | None = None) -> None:
    """The wheel's files under `into`, but for those matching a glob of `skip` (None: the useless ones). Raises
    DeviceError."""
    globs = useless() if skip is None else skip
    try:
        with zipfile.ZipFile(wheel.file) as archive:
            wanted = [n for n in archive.namelist() if not any(fnmatch.fnmatchcase(n, glob) for glob in globs)]
            archive.extractall(into, wanted)
    except (OSError, zipfile.BadZipFile) as error:
        raise DeviceError(
            f"{wheel.file.name} cannot be unpacked: {error}", hint="is there space in the cache?"
        ) from error


def _wheel(file: Path) -> Wheel:
    name, version, _ = file.name.split("-", 2)
    return Wheel(name.replace("_", "-").lower(), version, hashlib.sha256(file.read_bytes()).hexdigest(), file)
