"""Rows: what edgerig knows of engines, formats, recipes and sources is data, so that adding to it is a row and the code
that the row names. Packages add rows too, as the tables they would be in TOML (`edgerig/plugins.py`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel

from edgerig.errors import ConfigError
from edgerig.plugins import Plugin, added
from edgerig.spec.toml import PACKAGE, parse, read_toml, unknown

RowT = TypeVar("RowT", bound=BaseModel)
Kind = Literal["engine", "format", "recipe", "source", "program"]
"""A table of a file of rows, such as `[format.onnx]`; any file may have rows of each kind."""

FILES: list[Path] = [PACKAGE / "build" / name for name in ("formats.toml", "web.toml", "recipes.toml", "sources.toml")]


def load_rows(cls: type[RowT], kind: Kind) -> dict[str, RowT]:
    """Name → row of that kind, in the order of the files, then packages' own. Raises ConfigError, also for a name that
    stands twice."""
    rows: dict[str, RowT] = {}
    for path in FILES:
        for name, row in _tables(path).get(kind, {}).items():
            if name in rows:
                raise ConfigError(f"{path}: [{kind}.{name}]: there is such a row already", hint="give it another name")
            rows[name] = parse(cls, {"name": name, **row}, f"{path}: [{kind}.{name}]")
    others = added(f"edgerig.{kind}s", rows)
    return rows | {name: _from_package(cls, plugin) for name, plugin in others.items()}


def _from_package(cls: type[RowT], plugin: Plugin) -> RowT:
    table = plugin.load(dict)
    try:
        return parse(cls, {**table, "name": plugin.name}, str(plugin))
    except ConfigError as error:
        raise ConfigError(error.message, hint=f"{error.hint}; {plugin.fix}") from error


@cache
def _tables(path: Path) -> dict[str, dict[str, Any]]:
    tables = read_toml(path)
    for kind in tables:
        if kind not in get_args(Kind):
            raise unknown("kind of row", kind, get_args(Kind), str(path))
    return tables
