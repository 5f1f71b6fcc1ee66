"""Tool environments: a converter or runtime whose pins this environment cannot share gets a Python environment of its
own, made once from a list of exact versions.

    <cache>/tools/<name>-<key>/       the environment; what has the name is whole
                  <name>-<key>.log    what pip said when it was made, or could not be

The key is a hash of the list, of the wheels it names by path, and of the Python. An environment is made in a temporary
folder and renamed, which a venv survives when it is started by its Python and not by a script of its `bin` folder (the
scripts name the folder they were installed in; `pyvenv.cfg`, by which Python finds the rest, does not).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.cache import cache_root, take_lock, temporary_folder, used
from edgerig.errors import BuildError

SCHEMA = 1
DEADLINE_S = 1800.0
SAID_LIMIT = 600
PINNED = r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==[A-Za-z0-9][\w.+!-]*( --hash=sha256:[0-9a-f]{64})*"
"""A requirement that only one version meets (PyPA, "Version specifiers"), as a line of pip's requirements file."""
_LOCAL = ".whl"


@dataclass(frozen=True)
class ToolEnvironment:
    """`python` starts it: `[python, "-I", "-m", MODULE, …]`. `key` belongs in the key of whatever is made with it."""

    name: str
    key: str
    python: Path
    log: Path


def tool_environment(
    name: str, requirements: Sequence[str], say: Callable[[str], None], *, deadline_s: float = DEADLINE_S
) -> ToolEnvironment:
    """The environment `name` with exactly these `requirements` (`PINNED` lines, or paths of wheels), made if the cache
    has none; the list names every package, also those that others need. `say` is told before one is made, or waited for
    while another process makes it. Safe to call from several threads and processes.

    Raises BuildError when the list is not exact or not complete, or pip cannot install it.
    """
    key = key_of(requirements)
    folder = cache_root() / "tools" / f"{name}-{key}"
    wanted = ToolEnvironment(name, key, folder / "bin" / "python", folder.with_name(f"{folder.name}.log"))
    try:
        if not _is_whole(wanted):
            folder.parent.mkdir(parents=True, exist_ok=True)
            _make_alone(wanted, requirements, say, deadline_s)
        used(folder)
    except OSError as error:
        raise BuildError(
            f"the environment of {name} could not be made in {folder.parent}: {error.strerror or error}",
            hint="is it writable, and is there space?",
        ) from error
    return wanted


def key_of(requirements: Sequence[str]) -> str:
    """The key of the environment with these `requirements`, made or not. Raises BuildError for one that more than one
    version may meet."""
    parts = [str(SCHEMA), sys.implementation.cache_tag or "", platform.machine(), os.path.realpath(sys.executable)]
    for requirement in requirements:
        if requirement.endswith(_LOCAL):
            try:
                parts.append(f"{Path(requirement).name} {_digest(Path(requirement))}")
            except OSError as error:
                raise BuildError(f"{requirement}: cannot be read: {error.strerror}") from error
        elif re.fullmatch(PINNED, requirement, re.ASCII):
            parts.append(requirement)
        else:
            raise BuildError(f'"{requirement}" does not name one version', hint="write it as name==version")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(wanted: ToolEnvironment) -> bool:
    """Is it there, and the Python that its own is a link to, as well?"""
    return wanted.python.exists()


def _make_alone(
    wanted: ToolEnvironment, requirements: Sequence[str], say: Callable[[str], None], deadline_s: float
) -> None:
    """Makes the environment unless somebody else has by the time it is our turn. Raises BuildError, OSError."""
    with wanted.log.with_suffix(".lock").open("a") as lock:
        if not take_lock(lock, 0):
            say(f"waiting for another process that makes the environment of {wanted.name}; its log: {wanted.log}")
            if not take_lock(lock, deadline_s):
                raise BuildError(
                    f"another process has been making the environment of {wanted.name} for {deadline_s:g} s",
                    hint=f"is one stuck? it holds {lock.name}",
                )
        if not _is_whole(wanted):
            say(f"making the environment of {wanted.name}, {len(requirements)} packages, once; its log: {wanted.log}")
            _make(wanted, requirements, deadline_s)


def _make(wanted: ToolEnvironment, requirements: Sequence[str], deadline_s: float) -> None:
    folder = wanted.python.parents[1]
    with temporary_folder(folder.parent, f".new-{folder.name}-") as work:
        made, listed = work / "env", work / "requirements.txt"
        python = str(made / "bin" / "python")
        listed.write_text("\n".join([*map(_line, requirements), ""]), encoding="utf-8")
        wanted.log.unlink(missing_ok=True)
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--no-input")
        for command in (
            (sys.executable, "-m", "venv", "--without-pip", str(made)),
            # The list is the whole truth: nothing is resolved, and no package's own code runs.
            (*pip, "install", "--no-deps", "--only-binary=:all:", "-r", str(listed)),
            (*pip, "check"),
        ):
            _run(command, wanted, deadline_s)
        if folder.exists():
            os.replace(folder, work / "gone")  # its Python is gone
        os.replace(made, folder)


def _line(requirement: str) -> str:
    return str(Path(requirement).resolve()) if requirement.endswith(_LOCAL) else requirement


def _run(command: Sequence[str], wanted: ToolEnvironment, deadline_s: float) -> None:
    """Raises BuildError with the last words of a command that fails; all of them are in the log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = process.run(command, timeout_s=deadline_s, env={**environment, "LC_ALL": "C.UTF-8"}, output=wanted.log)
    if done.returncode == 0 and not done.timed_out:
        return
    said = wanted.log.read_text(encoding="utf-8", errors="replace").strip()[-SAID_LIMIT:]
    why = f"its deadline of {deadline_s:g} s passed" if done.timed_out else process.signal_name(done.returncode)
    raise BuildError(
        f"the environment of {wanted.name} could not be made ({why}): {said or 'nothing was said'}",
        hint=f"the whole log: {wanted.log}; is the package index reached, and the list complete?",
    )
