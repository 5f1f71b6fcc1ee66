"""What programs are told of a cell under one name: a column of results.csv, Parquet and the exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgerig.results import CellResult

Value = str | int | float | bool | None
Kind = Literal["text", "int", "float", "bool"]


@dataclass(frozen=True)
class Field:
    """Values are raw, in the unit the name says; None: not measured, or not said.

    `figure`: a measured number, which tools that draw numbers take; other numbers are counts and settings. `shown`:
    `edgerig show` tells it of what it recommends.
    """

    name: str
    kind: Kind
    get: Callable[[CellResult], Value]
    figure: bool = False
    shown: bool = False


def text(name: str, get: Callable[[CellResult], str | None], *, shown: bool = False) -> Field:
    return Field(name, "text", get, shown=shown)


def whole(name: str, get: Callable[[CellResult], int | None], *, shown: bool = False) -> Field:
    """A measured whole number."""
    return Field(name, "int", get, figure=True, shown=shown)


def real(name: str, get: Callable[[CellResult], float | None], *, shown: bool = False) -> Field:
    """A measured number."""
    return Field(name, "float", get, figure=True, shown=shown)
