"""What is not installed, and which extra of edgerig brings it (`pip install 'edgerig[build]'`).

The table is edgerig's own metadata, made from pyproject.toml: each requirement names the extra it belongs to
(https://packaging.python.org/en/latest/specifications/core-metadata/#requires-dist-multiple-use).
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from edgerig.errors import NotInstalled

OURS = "edgerig"
NOT_FOR_USERS = ("dev", "docs")
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*) *(?:\[(?P<extras>[^]]*)\])? *(?P<versions>[^;]*)"
    r"(?:;.*\bextra *== *['\"](?P<extra>[^'\"]+)['\"])?"
)
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "google": "protobuf", "yaml": "pyyaml"}
"""Of modules whose name is not their distribution's."""
_LISTED = 3


def missing(distributions: Iterable[str]) -> tuple[str, ...]:
    """Those that are not installed though an extra brings them, in order. What none brings (a plugin's, say) is not
    judged: who named it may do without."""
    return tuple(name for name in dict.fromkeys(distributions) if not installed(name) and bringing([name]))


def require(distributions: Iterable[str], what: str) -> None:
    """Raises NotInstalled, which says that `what` needs them, unless all are there."""
    if absent := missing(distributions):
        raise refusal(absent, what)


def refusal(absent: Collection[str], what: str) -> NotInstalled:
    """The error of distributions that are not there."""
    names = sorted(absent)
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    are = "is" if len(names) == 1 else "are"
    return NotInstalled(f"{what} needs {listed}, which {are} not installed", hint=install(absent))


def of(error: ImportError) -> NotInstalled | None:
    """What to tell of an import that failed; None where it is not for want of a package that an extra brings."""
    module = (error.name or "").partition(".")[0]
    name = _DISTRIBUTIONS.get(module, normal(module))
    if not module or installed(name) or not bringing([name]):
        return None
    return refusal([name], "this")


def install(distributions: Collection[str]) -> str:
    """The command that brings them."""
    extras = bringing(distributions)
    wanted = f"'{OURS}[{','.join(extras)}]'" if extras else " ".join(sorted(distributions))
    return f"pip install {wanted}"


def bringing(distributions: Collection[str], table: Mapping[str, Collection[str]] | None = None) -> tuple[str, ...]:
    """The smallest extra that brings all of them, else the fewest of several, () where none brings one. `table` is
    extra → its distributions (None: edgerig's)."""
    table = extras() if table is None else table
    wanted = {normal(name) for name in distributions} & {name for names in table.values() for name in names}
    by_size = sorted(table, key=lambda extra: len(table[extra]))
    chosen: list[str] = []
    while wanted:
        best = max(by_size, key=lambda extra: len(wanted.intersection(table[extra])))  # of equals the smaller
        chosen.append(best)
        wanted -= set(table[best])
    return tuple(chosen)


@cache
def installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def pinned(distribution: str) -> str | None:
    """The one version of it that edgerig works with, as its metadata says; None where that leaves a choice."""
    wanted = normal(distribution)
    for found in _requirements(_own()):
        if normal(found["name"]) == wanted and (version := re.fullmatch(r"==\s*([\w.+!]+)\s*", found["versions"])):
            return version[1]
    return None


@cache
def extras() -> dict[str, frozenset[str]]:
    """Extra → the distributions it brings beyond those there always are, for users' extras."""
    return table_of(_own())


def table_of(requires: Collection[str]) -> dict[str, frozenset[str]]:
    """The same of the lines of a distribution's metadata. An extra may name others (`edgerig[run]`)."""
    direct: dict[str, set[str]] = {}
    within: dict[str, set[str]] = {}
    for found in _requirements(requires):
        extra = found["extra"]
        if extra is None or extra in NOT_FOR_USERS:
            continue
        names, others = direct.setdefault(extra, set()), within.setdefault(extra, set())
        if normal(found["name"]) == OURS:
            others.update(part.strip() for part in (found["extras"] or "").split(","))
        else:
            names.add(normal(found["name"]))
    return {extra: frozenset(_all(extra, direct, within)) for extra in direct}


def normal(name: str) -> str:
    """The name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _all(extra: str, direct: Mapping[str, set[str]], within: Mapping[str, set[str]]) -> set[str]:
    return direct.get(extra, set()).union(*(_all(other, direct, within) for other in within.get(extra, ())))


def _requirements(lines: Iterable[str]) -> list[re.Match[str]]:
    return [found for line in lines if (found := _REQUIREMENT.match(line))]


@cache
def _own() -> tuple[str, ...]:
    """() where edgerig is run from a folder without having been installed."""
    try:
        return tuple(importlib.metadata.requires(OURS) or ())
    except importlib.metadata.PackageNotFoundError:
        return ()
