"""C++ compilers of this host, and what is compiled by them.

What is compiled is kept under a name made of everything it depends on, so a change in any of it compiles anew and
nothing is ever overwritten by something else.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.cache import temporary_folder, used

COMPILERS = ("g++", "c++", "clang++")
COMPILE_DEADLINE_S = 120.0
VERSION_DEADLINE_S = 20.0
STDERR_TAIL = 2000
INSTALL_HINT = 'install one ("apt install g++", "dnf install gcc-c++") or name one in CXX'


@dataclass(frozen=True)
class NativeLibrary:
    """A compiled library, or why there is none. `compiler` is the first line of its `--version` ("" when none ran)."""

    path: Path | None
    reason: str = ""
    compiler: str = ""


class CompilerError(Exception):
    """A compiler that did not start, failed or passed its deadline; the message says which."""


def compiled(
    what: str,
    stem: Path,
    source: Path,
    flags: Sequence[str],
    link: Sequence[str],
    compiler: Sequence[str] | None,
    suffix: str = ".so",
    deadline_s: float | None = None,
) -> NativeLibrary:
    """`source` as a shared library, or what else the flags make of it, at `stem` + a key + `suffix`, compiled if it is
    not there yet.

    The compiler (None: CXX from the environment, else the first of `COMPILERS` on the path) is given `flags`, the
    source and `link`. Never raises for a host that cannot compile: the reason is in the answer and begins with `what`.
    """
    command = list(compiler) if compiler is not None else find_compiler(os.environ)
    if not command:
        return NativeLibrary(None, f"no C++ compiler ({', '.join(COMPILERS)}) was found: {INSTALL_HINT}")
    identity = ""
    try:
        identity = run([*command, "--version"], VERSION_DEADLINE_S).partition("\n")[0].strip()
        library = stem.with_name(f"{stem.name}-{_key(source, [*command, identity, *flags, *link])}{suffix}")
        if not library.is_file():
            _compile([*command, *flags, str(source), *link], library, deadline_s or COMPILE_DEADLINE_S)
        used(library)
    except (CompilerError, OSError) as error:
        return NativeLibrary(None, f"{what} was not compiled: {error}", identity)
    return NativeLibrary(library, compiler=identity)


def find_compiler(environment: Mapping[str, str]) -> list[str]:
    """The host's C++ compiler: CXX with its arguments, else the first known one on the path; [] when there is none."""
    if environment.get("CXX", "").strip():
        return shlex.split(environment["CXX"])
    found = (shutil.which(name, path=environment.get("PATH")) for name in COMPILERS)
    return next(([path] for path in found if path is not None), [])


def compiler_for(machine: str) -> list[str]:
    """The C++ compiler for a processor, as its kernel names it: this host's own, or Debian's for another; [] when there
    is none."""
    if machine == platform.machine():
        return find_compiler(os.environ)
    found = shutil.which(cross_compiler(machine))
    return [found] if found else []


def cross_compiler(machine: str) -> str:
    """As Debian calls it; its package is `g++-` and the same name without `-g++`."""
    return f"{machine}-linux-gnu-g++"


def _key(source: Path, parts: Sequence[str]) -> str:
    """Of the source and of all that decides what is made of it; what it is compiled against is named in the flags."""
    content = hashlib.sha256(source.read_bytes()).hexdigest()
    return hashlib.sha256("\0".join([content, *parts]).encode()).hexdigest()[:16]


def _compile(command: Sequence[str], library: Path, deadline_s: float) -> None:
    """Compiles into a file beside `library` and moves it there: another process may be doing the same."""
    with temporary_folder(library.parent, ".compile-") as folder:
        unfinished = folder / library.name
        run([*command, "-o", str(unfinished)], deadline_s)
        os.replace(unfinished, library)


def run(command: Sequence[str], deadline_s: float) -> str:
    """The command's stdout. Raises CompilerError with the tail of its stderr."""
    try:
        finished = process.run(command, timeout_s=deadline_s)
    except OSError as error:
        raise CompilerError(f"{command[0]} does not start ({error.strerror}): {INSTALL_HINT}") from error
    if finished.timed_out:
        raise CompilerError(f"{command[0]} passed its deadline of {deadline_s:g} s")
    if finished.returncode != 0:
        tail = finished.stderr.decode(errors="replace")[-STDERR_TAIL:].strip()
        raise CompilerError(f"{command[0]} failed with exit code {finished.returncode}: {tail}")
    return finished.stdout.decode(errors="replace")
