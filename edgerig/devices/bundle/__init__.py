"""The bundle: a self-contained userland that runs on any Linux kernel of its architecture, built once and kept.

It is kept in the folder `bundles` of the cache (`kept.py`); what it holds says `userland.py`.

The key is a hash of every package's and wheel's name, version and content, of the compiler, and of the code that builds
it: bundles of one key are made of the same parts, on whatever host they were built.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig.cache import cache_root, temporary_folder
from edgerig.devices import native, runner_recipe
from edgerig.devices.bundle import debian, kept, userland, wheels
from edgerig.devices.bundle.userland import ARCHITECTURES, Architecture, Parts
from edgerig.errors import DeviceError

SCHEMA = 1
BUILDER = (
    __file__,
    *(str(module.__file__) for module in (debian, kept, native, runner_recipe, userland, wheels)),
    str(runner_recipe.SOURCE),
    str(runner_recipe.CLOCK),
)
"""The files whose change makes another bundle."""


@dataclass(frozen=True)
class Bundle(kept.Kept):
    """A built bundle in the cache."""

    architecture: Architecture

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

    def clock(self, root: str) -> str:
        """The clock of profiles where the bundle stands at `root`."""
        return f"{root}/lib/{userland.CLOCK}"


def architecture(name: str) -> Architecture:
    """The architecture the kernel calls `name`. Raises DeviceError when no bundle is built for it."""
    if name not in ARCHITECTURES:
        raise DeviceError(
            f"there is no bundle for {name}, only for {', '.join(ARCHITECTURES)}",
            hint='a 64-bit arm or x86 system is needed; over SSH, runtime = "system" does without a bundle',
        )
    return ARCHITECTURES[name]


def bundle(arch: str) -> Bundle:
    """The bundle for `arch` (`aarch64`, `x86_64`), of the cache, of an installed package (`packaged.py`), or built: a
    minute, with the network.

    It holds the runtimes in exactly the versions installed here. Safe to call from several threads and processes.
    Raises DeviceError.
    """
    target = architecture(arch)
    versions, pointer = wanted(target)
    found = find(target, pointer)
    if found is not None:
        return found
    from edgerig.devices.bundle import packaged  # which is about bundles itself

    found, refused = packaged.taken(arch)
    if found is not None:
        return found
    try:
        make = functools.partial(_build, target, versions, pointer)
        return of(target, kept.made_once(pointer, target.name, make, f"the bundle for {target.name}"))
    except DeviceError as error:
        if not refused:
            raise
        raise DeviceError(f"{error.message}; the installed bundle is not taken: {refused}", hint=error.hint) from error


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
    return versions, cache_root() / "bundles" / f"{target.name}-{kept.hashed([*parts, *kept.of_code(BUILDER)])}.key"


def of(target: Architecture, found: kept.Kept) -> Bundle:
    """What was kept, as the bundle for `target`."""
    return Bundle(found.key, found.folder, found.manifest, target)


def find(target: Architecture, pointer: Path) -> Bundle | None:
    """The bundle `pointer` names, or None: a cache may lose anything at any time."""
    found = kept.find(pointer)
    return None if found is None else of(target, found)


def _build(target: Architecture, versions: dict[str, str], pointer: Path) -> kept.Kept:
    begin = time.monotonic()
    with temporary_folder(pointer.parent, ".build-") as work:
        parts = userland.fetch(target, versions, work)
        manifest, made = _contents(parts), work / "bundle"
        if not kept.is_whole(pointer.parent / manifest["key"]):
            userland.assemble(parts, work / "unpacked", made / "root")
            kept.archived(made / "root", made / "archive.tar.gz")
            manifest |= kept.sizes(made, time.monotonic() - begin)
        return kept.keep(made, manifest, pointer)


def content_key(contents: dict[str, Any]) -> str:
    """The key of a bundle of these contents, as this code builds it."""
    listed = [
        f"{part['name']}={part['version']}={part['sha256']}" for part in contents["packages"] + contents["wheels"]
    ]
    return kept.hashed(
        [contents["arch"], contents["compiler"], str(contents["python_compiled"]), *listed, *kept.of_code(BUILDER)]
    )


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
