"""The rig's native parts; above all the ExecuTorch runner, with which a `.pte` runs without torch in the measured
process. edgerig's wheel has it built (`hatch_build.py`); where none fits it is compiled on this host.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig.cache import temporary_folder, used
from edgerig.compiler import NativeLibrary, compiled
from edgerig.devices import runner_recipe

SHIPPED = Path(__file__).resolve().parent.parent / "shipped" / "native"
"""Where edgerig's wheel has its runners; a checkout has none."""
SHIPPED_COMPILER = "shipped with edgerig"
WHAT = "the ExecuTorch runner"
CLOCK = "the clock of profiles"
NO_WHEEL = 'the executorch package with its C++ libraries is not installed: "pip install executorch"'


@dataclass(frozen=True)
class _Wheel:
    """Where the installed executorch distribution lies."""

    folder: Path
    version: str


def executorch_runner(cache: Path, compiler: Sequence[str] | None = None) -> NativeLibrary:
    """The runner of this machine: the shipped one, else one under `cache`, compiled if it is not there yet.

    `compiler` is the compiler's command with leading arguments, whose runner alone is wanted then; None takes CXX from
    the environment, else the first of `COMPILERS` on the path. It must use libstdc++, as ExecuTorch's prebuilt
    libraries do. Never raises for a host that cannot compile: the reason is in the answer.
    """
    wheel = _find_wheel()
    if wheel is None:
        return NativeLibrary(None, NO_WHEEL)
    shipped = shipped_runner(platform.machine(), wheel.version) if compiler is None else None
    if shipped is not None:
        return _beside_libraries(shipped, wheel.folder, cache)
    flags, link = runner_recipe.flags(wheel.folder, wheel.version, str(wheel.folder / "lib"))
    return compiled(WHAT, cache / "libedgerig_executorch", runner_recipe.SOURCE, flags, link, compiler)


def executorch_runner_for(machine: str, wheel: Path, version: str, cache: Path) -> NativeLibrary:
    """The runner for another `machine` (its kernel's name), which looks for ExecuTorch's libraries beside itself: the
    shipped one, else one under `cache`, compiled against `wheel`, the unpacked executorch package for that machine.
    """
    shipped = shipped_runner(machine, version)
    if shipped is not None:
        return NativeLibrary(shipped, compiler=SHIPPED_COMPILER)
    compiler = shutil.which(runner_recipe.COMPILERS[machine])
    if compiler is None:
        return NativeLibrary(None, f"{runner_recipe.COMPILERS[machine]} is not installed, and edgerig came without it")
    flags, link = runner_recipe.flags(wheel, version, runner_recipe.BESIDE)
    return compiled(WHAT, cache / "libedgerig_executorch", runner_recipe.SOURCE, flags, link, [compiler])


def op_clock(machine: str, cache: Path) -> NativeLibrary:
    """The clock that profiles are taken by on a `machine` (its kernel's name): the shipped one, else one under `cache`,
    compiled if it is not there yet. Any failure is a reason."""
    shipped = SHIPPED / runner_recipe.shipped_clock(machine)
    if shipped.is_file():
        return NativeLibrary(shipped, compiler=SHIPPED_COMPILER)
    if machine not in runner_recipe.COMPILERS:
        return NativeLibrary(None, f"{CLOCK} is not made for {machine}")
    compiler = None if machine == platform.machine() else shutil.which(runner_recipe.COMPILERS[machine])
    if compiler is None and machine != platform.machine():
        return NativeLibrary(None, f"{runner_recipe.COMPILERS[machine]} is not installed, and edgerig came without it")
    command = None if compiler is None else [compiler]
    return compiled(CLOCK, cache / "libedgerig_op_clock", runner_recipe.CLOCK, runner_recipe.CLOCK_FLAGS, (), command)


def can_have_runner(machine: str, version: str) -> bool:
    """Whether `executorch_runner_for` has a shipped one or a compiler."""
    return shipped_runner(machine, version) is not None or shutil.which(runner_recipe.COMPILERS[machine]) is not None


def shipped_runner(machine: str, version: str) -> Path | None:
    """The runner that came with edgerig for this machine and version of executorch; None where none fits."""
    file = SHIPPED / runner_recipe.shipped_name(machine, version)
    return file if file.is_file() else None


def _beside_libraries(shipped: Path, wheel: Path, cache: Path) -> NativeLibrary:
    """A copy of the `shipped` runner in a folder under `cache`, with links to the libraries of `wheel`: it looks for
    them there. Any failure is a reason."""
    key = hashlib.sha256(f"{shipped.name}\0{wheel}".encode()).hexdigest()[:16]
    folder = cache / f"executorch-{key}"
    found = folder / "libedgerig_executorch.so"
    try:
        if not found.is_file():
            with temporary_folder(cache, ".link-") as work:
                made = work / "made"
                made.mkdir()
                shutil.copyfile(shipped, made / found.name)
                for name in runner_recipe.LIBRARIES:
                    there = runner_recipe.library(wheel, name)
                    (made / there.name).symlink_to(there)
                with contextlib.suppress(OSError):  # another process was first: the next line tells
                    os.rename(made, folder)
        if not found.is_file():
            return NativeLibrary(None, f"{WHAT} was not laid out in {folder}")
        used(folder)
    except OSError as error:
        return NativeLibrary(None, f"{WHAT} was not laid out: {error}")
    return NativeLibrary(found, compiler=SHIPPED_COMPILER)


def _find_wheel() -> _Wheel | None:
    """The installed executorch, found without importing it (which takes seconds and pulls torch in)."""
    spec = importlib.util.find_spec("executorch")
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        version = importlib.metadata.version("executorch")
    except importlib.metadata.PackageNotFoundError:
        return None
    for folder in map(Path, spec.submodule_search_locations):
        if all(runner_recipe.library(folder, name).is_file() for name in runner_recipe.LIBRARIES):
            return _Wheel(folder, version)
    return None
