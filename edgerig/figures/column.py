"""A column of the cell table of every readable report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgerig.results import CellResult

Heat = Literal["", "ratio", "difference", "text"]


@dataclass(frozen=True)
class Column:
    """`sort` gives the value to order by, None for a cell that has no place in the order (not measured, or an emulated
    latency, which must never be ranked with real ones).

    `usual`: the page shows it until the reader chooses, where it is `telling`; the Markdown table has every column.
    `sometimes`: many runs have its figure for no cell, and are then without the column. `beside`: it tells more of the
    figure of the column before it. `better`: which way is better where that is the cell's to say, "higher", "lower" or
    ""; None: lower. `asked`: is it a figure the cell was to have?

    `heat`: how the page's heat map colours it, by ratio or by difference, or only writes it; "": not there. `hover`:
    the page's plots tell it of a point, as `label`, text, `unit`.
    """

    key: str
    header: str
    text: Callable[[CellResult], str]
    sort: Callable[[CellResult], float | str | None]
    numeric: bool = False
    reason: Callable[[CellResult], str] = lambda cell: ""
    usual: bool = True
    sometimes: bool = False
    beside: bool = False
    better: Callable[[CellResult], str] | None = None
    asked: Callable[[CellResult], bool] = lambda cell: True
    telling: Callable[[Sequence[CellResult]], bool] = lambda cells: True
    heat: Heat = ""
    hover: bool = False
    label: str = ""
    unit: str = ""
