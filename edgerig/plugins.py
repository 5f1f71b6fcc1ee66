"""Rows that other packages add, one entry-point group per kind of row
(https://packaging.python.org/en/latest/specifications/entry-points/): the name is the row's, the object the row.

Names are told without importing a package; it is imported when its row is asked for. What is wrong with one is a
ConfigError that names the package, its entry point and what to do. docs/plugins.md says what each group takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgerig.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

RowT = TypeVar("RowT")
FoundT = TypeVar("FoundT", covariant=True)
PREFIX = "edgerig."
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"
"""Of a row: it stands in ids, paths and files."""
_MOST_TOLD = 1000


@dataclass(frozen=True)
class Plugin:
    """One entry point; `package` is the name of the distribution that has it, `version` that one's."""

    group: str
    name: str
    value: str
    package: str
    version: str

    def __str__(self) -> str:
        return f'package {self.package} {self.version}: entry point "{self.name}" in {self.group} ({self.value})'

    def load(self, cls: type[RowT]) -> RowT:
        """The row, which is a `cls`. Imports the package. Raises ConfigError."""
        from importlib.metadata import EntryPoint

        try:
            row = EntryPoint(self.name, self.value, self.group).load()
        except (Exception, SystemExit) as error:  # somebody else's code: it may raise anything
            raise self.refused(f"cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(row, cls):
            raise self.refused(f"is a {type(row).__name__}, not a {cls.__name__}")
        return row

    def refused(self, why: str) -> ConfigError:
        """The error of a row that is not taken."""
        return ConfigError(f"{self} {why}"[:_MOST_TOLD], hint=self.fix)

    @property
    def fix(self) -> str:
        return f"update that package, or remove it: pip uninstall {self.package}"


def added(group: str, known: Collection[str]) -> dict[str, Plugin]:
    """The rows that packages add to those `known`, by name, sorted. Raises ConfigError for a name that is none, that is
    known, or that two packages have."""
    found: dict[str, Plugin] = {}
    for plugin in _installed().get(group, ()):
        if not re.fullmatch(NAME, plugin.name):
            raise plugin.refused("has a name that none can have: letters, digits, and _.- within")
        if plugin.name in known:
            raise plugin.refused(f"has the name of a {_what(group)} there is already")
        if plugin.name in found:
            raise plugin.refused(f"has a name that is taken: {found[plugin.name]}")
        found[plugin.name] = plugin
    return found


def _what(group: str) -> str:
    """ "edgerig.device_kinds" as "device kind"."""
    return group.removeprefix(PREFIX).removesuffix("s").replace("_", " ")


class Remembered(Protocol[FoundT]):
    def __call__(self) -> FoundT: ...

    def cache_clear(self) -> None: ...


_REMEMBERED: list[Callable[[], None]] = []


def remembered(function: Callable[[], FoundT]) -> Remembered[FoundT]:
    """`function`, whose rows are looked up once per process: the environment is taken for what it was then."""
    found = cache(function)
    _REMEMBERED.append(found.cache_clear)
    return found


def forget() -> None:
    """All rows are looked up anew, for whoever installed a package just now."""
    for clear in _REMEMBERED:
        clear()


@remembered
def _installed() -> dict[str, list[Plugin]]:
    """Group → its entry points, by name."""
    from importlib.metadata import entry_points  # not for `--help`

    points = entry_points()
    ours = [group for group in points.groups if group.startswith(PREFIX)]
    return {group: sorted(map(_plugin, points.select(group=group)), key=_order) for group in ours}


def _order(plugin: Plugin) -> tuple[str, str]:
    return plugin.name, plugin.package


def _plugin(point: EntryPoint) -> Plugin:
    package, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
    return Plugin(point.group, point.name, point.value, package, version)
