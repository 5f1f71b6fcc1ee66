"""The rig's native parts; above all the ExecuTorch runner, with which a `.pte` runs without torch in the measured
process. edgerig's wheel has it built (`hatch_build.py`); where none fits it is compiled on this host.

What is compiled is kept under a name made of everything it depends on, so a change in any of it compiles anew and
nothing is ever overwritten by something else.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.cache import temporary_folder, used
from edgerig.devices import runner_recipe

SHIPPED = Path(__file__).resolve().parent.parent / "shipped" / "native"
"""Where edgerig's wheel has its runners; a checkout has none."""
SHIPPED_COMPILER = "shipped with edgerig"
WHAT = "the ExecuTorch runner"
CLOCK = "the clock of profiles"
COMPILERS = ("g++", "c++", "clang++")
COMPILE_DEADLINE_S = 120.0
VERSION_DEADLINE_S = 20.0
STDERR_TAIL = 2000
NO_WHEEL = 'the executorch package with its C++ libraries is not installed: "pip install executorch"'
INSTALL_HINT = 'install one ("apt install g++", "dnf install gcc-c++") or name one in CXX'


@dataclass(frozen=True)
class NativeLibrary:
    """A compiled library, or why there is none. `compiler` is the first line of its `--version` ("" when none ran)."""

    path: Path | None
    reason: str = ""
    compiler: str = ""


@dataclass(frozen=True)
class _Wheel:
    """Where the installed executorch distribution lies."""

    folder: Path
    version: str


class _CompilerError(Exception):
    """A compiler that did not start, failed or passed its deadline; the message says which."""


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


def compiled(
    what: str,
    stem: Path,
    source: Path,
    flags: Sequence[str],
    link: Sequence[str],
    compiler: Sequence[str] | None,
) -> NativeLibrary:
    """`source` as a shared library at `stem` + a key + ".so", compiled if it is not there yet.

    The compiler (None as in `executorch_runner`) is given `flags`, the source and `link`. Never raises for a host that
    cannot compile: the reason is in the answer and begins with `what`.
    """
    command = list(compiler) if compiler is not None else find_compiler(os.environ)
    if not command:
        return NativeLibrary(None, f"no C++ compiler ({', '.join(COMPILERS)}) was found: {INSTALL_HINT}")
    identity = ""
    try:
        identity = _run([*command, "--version"], VERSION_DEADLINE_S).partition("\n")[0].strip()
        library = stem.with_name(f"{stem.name}-{_key(source, [*command, identity, *flags, *link])}.so")
        if not library.is_file():
            _compile([*command, *flags, str(source), *link], library)
        used(library)
    except (_CompilerError, OSError) as error:
        return NativeLibrary(None, f"{what} was not compiled: {error}", identity)
    return NativeLibrary(library, compiler=identity)


def find_compiler(environment: Mapping[str, str]) -> list[str]:
    """The host's C++ compiler: CXX with its arguments, else the first known one on the path; [] when there is none."""
    if environment.get("CXX", "").strip():
        return shlex.split(environment["CXX"])
    found = (shutil.which(name, path=environment.get("PATH")) for name in COMPILERS)
    return next(([path] for path in found if path is not None), [])


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


def _key(source: Path, parts: Sequence[str]) -> str:
    """Of the source and of all that decides what is made of it; ExecuTorch's version is among the flags."""
    content = hashlib.sha256(source.read_bytes()).hexdigest()
    return hashlib.sha256("\0".join([content, *parts]).encode()).hexdigest()[:16]


def _compile(command: Sequence[str], library: Path) -> None:
    """Compiles into a file beside `library` and moves it there: another process may be doing the same."""
    with temporary_folder(library.parent, ".compile-") as folder:
        unfinished = folder / library.name
        _run([*command, "-o", str(unfinished)], COMPILE_DEADLINE_S)
        os.replace(unfinished, library)


def _run(command: Sequence[str], deadline_s: float) -> str:
    """The command's stdout. Raises _CompilerError with the tail of its stderr."""
    try:
        finished = process.run(command, timeout_s=deadline_s)
    except OSError as error:
        raise _CompilerError(f"{command[0]} does not start ({error.strerror}): {INSTALL_HINT}") from error
    if finished.timed_out:
        raise _CompilerError(f"{command[0]} passed its deadline of {deadline_s:g} s")
    if finished.returncode != 0:
        tail = finished.stderr.decode(errors="replace")[-STDERR_TAIL:].strip()
        raise _CompilerError(f"{command[0]} failed with exit code {finished.returncode}: {tail}")
    return finished.stdout.decode(errors="replace")
