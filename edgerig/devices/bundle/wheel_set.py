"""The runtimes' wheels for a device that has its own Python: fetched and unpacked on this host, so that nothing is
installed there and neither side needs a compiler, root or Debian's packages.

    packages/    numpy and the runtimes, without what no run opens
    executorch/  the runner and ExecuTorch's own libraries, without torch; absent where this host can have no runner

It is kept in the folder `wheels` of the cache (`kept.py`). The key is a hash of every wheel's name, version and
content, of the runner and of the code that makes it.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig.cache import cache_root, temporary_folder
from edgerig.devices import native, own_python, runner_recipe
from edgerig.devices.bundle import kept, userland, wheels
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.devices.own_python import DevicePython
from edgerig.errors import DeviceError

SCHEMA = 1
PACKAGES, EXECUTORCH = "packages", "executorch"
MAKER = (
    __file__,
    *(str(module.__file__) for module in (kept, native, own_python, runner_recipe, userland, wheels)),
    str(runner_recipe.SOURCE),
)
"""The files whose change makes another set."""


@dataclass(frozen=True)
class WheelSet(kept.Kept):
    """A set in the cache, and the Python on the device it is for."""

    own: DevicePython

    def python(self, root: str) -> tuple[str, ...]:
        """The command that starts the device's Python with the set that stands at `root`, and with nothing else of the
        device's packages, user or variables. Raises DeviceError for a path that PYTHONPATH cannot say."""
        if ":" in root:
            raise DeviceError(
                f"wheels cannot stand at {root}: PYTHONPATH takes ':' for a sign of its own",
                hint="choose a folder without it (workdir in the device file)",
            )
        # -S: neither the system's packages nor what their .pth files and sitecustomize do.
        return ("env", "-i", f"PYTHONPATH={root}/{PACKAGES}", self.own.executable, "-S", "-s", "-P", "-B")

    def executorch_library(self, root: str) -> str | None:
        """The ExecuTorch runner where the set stands at `root`; None where `no_runner` says why there is none."""
        return None if self.no_runner else f"{root}/{EXECUTORCH}/libedgerig_executorch.so"

    @property
    def no_runner(self) -> str:
        return str(self.manifest["no_runner"])

    @property
    def remedy(self) -> str:
        """What brings the runner."""
        package = ARCHITECTURES[self.own.machine].compiler_package
        return f"install edgerig from its wheel, which brings the runner, or: apt-get install {package}"


def wheel_set(own: DevicePython, source: Path | None = None) -> WheelSet:
    """The set for the Python `own`, made if the cache has none: seconds, with the network, or of the wheels in the
    folder `source` alone.

    It holds the runtimes in exactly the versions installed here, or those this edgerig is made for. Safe to call from
    several threads and processes. Raises DeviceError.
    """
    versions, pointer = wanted(own)
    found = kept.find(pointer) if source is None else None
    if found is None:
        make = functools.partial(_make, own, versions, pointer, source)
        found = kept.made_once(pointer, own.machine, make, f"the wheels for {own}", anew=source is not None)
    return _of(own, found)


def cached(own: DevicePython) -> WheelSet | None:
    """The set `wheel_set(own)` would give, if this host has made it; None too where it would raise DeviceError."""
    try:
        found = kept.find(wanted(own)[1])
    except DeviceError:
        return None
    return None if found is None else _of(own, found)


def _of(own: DevicePython, found: kept.Kept) -> WheelSet:
    return WheelSet(found.key, found.folder, found.manifest, own)


def wanted(own: DevicePython) -> tuple[dict[str, str], Path]:
    """The runtimes' versions, and the file that names the set which answers for them. Raises DeviceError."""
    versions = {name: wheels.installed_version(name) for name in wheels.wanted()}
    listed = [f"{name}={version}" for name, version in versions.items()]
    runner = native.can_have_runner(own.machine, versions[EXECUTORCH])
    parts = [str(own.glibc), str(compiles_for(own)), str(runner), *listed, *kept.of_code(MAKER)]
    return versions, cache_root() / "wheels" / f"{own.machine}-{own.minor}-{kept.hashed(parts)}.key"


def compiles_for(own: DevicePython) -> bool:
    """Whether this Python's compiled files are the device's: their form changes with the minor version alone."""
    return sys.implementation.name == "cpython" and sys.version_info[:2] == own.version


def _make(own: DevicePython, versions: dict[str, str], pointer: Path, source: Path | None) -> kept.Kept:
    begin = time.monotonic()
    with temporary_folder(pointer.parent, ".build-") as work:
        made = work / "set"
        fetched = wheels.download(versions, own.minor, own.machine, work / "wheels", own.glibc, source)
        *runtimes, executorch = fetched
        for wheel in runtimes:
            wheels.unpack(wheel, made / "root" / PACKAGES)
        no_runner = _executorch(own, executorch, work, made / "root" / EXECUTORCH)
        if compiles_for(own):
            userland.compile_modules(made / "root", made / "root" / PACKAGES)
        manifest = _contents(own, runtimes if no_runner else fetched, made / "root", no_runner)
        if not kept.is_whole(pointer.parent / manifest["key"]):
            kept.archived(made / "root", made / "archive.tar.gz")
            manifest |= kept.sizes(made, time.monotonic() - begin)
        return kept.keep(made, manifest, pointer)


def _executorch(own: DevicePython, wheel: wheels.Wheel, work: Path, into: Path) -> str:
    """The runner and ExecuTorch's libraries in the folder `into`; why there are none, or ""."""
    wheels.unpack(wheel, work / "executorch", skip=())
    unpacked = work / "executorch" / "executorch"
    runner = native.executorch_runner_for(own.machine, unpacked, wheel.version, work)
    if runner.path is None:
        return runner.reason
    into.mkdir(parents=True)
    for name in runner_recipe.LIBRARIES:
        shutil.copy2(runner_recipe.library(unpacked, name), into)
    shutil.copy2(runner.path, into / "libedgerig_executorch.so")
    return ""


def _contents(own: DevicePython, held: list[wheels.Wheel], root: Path, no_runner: str) -> dict[str, Any]:
    """What a set is made of, and the key that follows from it."""
    runner = root / EXECUTORCH / "libedgerig_executorch.so"
    digest = "" if no_runner else hashlib.sha256(runner.read_bytes()).hexdigest()
    listed = [{"name": one.name, "version": one.version, "sha256": one.sha256} for one in held]
    parts = [f"{one.name}={one.version}={one.sha256}" for one in held]
    key = kept.hashed([own.machine, own.minor, str(compiles_for(own)), digest, *parts, *kept.of_code(MAKER)])
    contents = {"python": own.minor, "arch": own.machine, "wheels": listed, "no_runner": no_runner}
    return {"schema": SCHEMA, "key": key, "python_compiled": compiles_for(own), **contents}
