"""Compiling the rig's native parts on this host; above all the ExecuTorch runner, with which a `.pte` runs without
torch in the measured process.

A library is kept under a name made of everything it depends on, so a change in any of it compiles anew and nothing
is ever overwritten by something else.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.cache import temporary_folder, used

SOURCE = Path(__file__).resolve().parent.parent / "ondevice" / "native" / "executorch_runner.cc"
COMPILERS = ("g++", "c++", "clang++")
LIBRARIES = (
    "executorch",
    "executorch_backend_xnnpack",
    "executorch_kernels_optimized",
    "executorch_kernels_quantized",
    "executorch_threadpool",
)
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
    """The runner as a shared library under `cache`, compiled if it is not there yet.

    `compiler` is the compiler's command with leading arguments; None takes CXX from the environment, else the first
    of `COMPILERS` on the path. It must use libstdc++, as ExecuTorch's prebuilt libraries do. Never raises for a host
    that cannot compile: the reason is in the answer.
    """
    wheel = _find_wheel()
    if wheel is None:
        return NativeLibrary(None, NO_WHEEL)
    flags, link = _flags(wheel, str(wheel.folder / "lib"))
    return compiled("the ExecuTorch runner", cache / "libedgerig_executorch", SOURCE, flags, link, compiler)


def executorch_runner_for(wheel: Path, version: str, cache: Path, compiler: Sequence[str]) -> NativeLibrary:
    """The runner for another machine, under `cache`: compiled by a cross compiler against `wheel`, the unpacked
    executorch package for that machine. It looks for ExecuTorch's libraries beside itself.
    """
    flags, link = _flags(_Wheel(wheel, version), "$ORIGIN")
    return compiled("the ExecuTorch runner", cache / "libedgerig_executorch", SOURCE, flags, link, compiler)


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
        if all(_shared(folder, name).is_file() for name in LIBRARIES):
            return _Wheel(folder, version)
    return None


def _shared(folder: Path, name: str) -> Path:
    return folder / "lib" / f"lib{name}.so"


def _flags(wheel: _Wheel, libraries_at: str) -> tuple[list[str], list[str]]:
    """Compiler flags and, to follow the source, linker flags, as in the wheel's own executorch-config.cmake.

    `libraries_at` is the folder the wheel's libraries are looked for at run time. The kernel and backend libraries
    register themselves when loaded and export nothing the runner calls, hence --no-as-needed.
    """
    include = wheel.folder / "include"
    compile_flags = [
        "-std=c++17",
        "-O2",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-DC10_USING_CUSTOM_GENERATED_MACROS",
        f'-DEDGERIG_EXECUTORCH_VERSION="{wheel.version}"',
        "-isystem",
        str(include),
        "-isystem",
        str(include / "executorch/runtime/core/portable_type/c10"),
    ]
    libraries = [str(_shared(wheel.folder, name)) for name in LIBRARIES]
    link_flags = [
        "-Wl,--no-undefined",
        "-Wl,--no-as-needed",
        *libraries,
        "-Xlinker",
        "-rpath",
        "-Xlinker",
        libraries_at,
    ]
    return compile_flags, link_flags


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
