"""The columns of the cell table, in whatever language it is written. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgerig import figures
from edgerig.figures import metric
from edgerig.figures.accuracy import INTERVAL, column_of_metric
from edgerig.figures.column import Column
from edgerig.figures.numbers import MISSING
from edgerig.results import CellResult
from edgerig.results.wording import setup


def _name(key: str, get: Callable[[CellResult], str]) -> Column:
    return Column(key, key, get, get)


_WHICH: tuple[Column, ...] = (
    _name("model", lambda c: c.model),
    _name("source", lambda c: c.source),
    Column("signature", "signature", lambda c: c.signature, lambda c: c.signature or None, sometimes=True),
    _name("format", lambda c: c.format),
    _name("recipe", lambda c: c.recipe),
    Column("threads", "threads", lambda c: str(c.threads), lambda c: c.threads, numeric=True),
    Column("setup", "setup", setup, lambda c: setup(c) or None, sometimes=True),
    Column("weights", "weights", lambda c: c.weights or MISSING, lambda c: c.weights or None, sometimes=True),
    _name("status", lambda c: c.status),
)
"""Which cell it is, and what became of it."""


def _verdict(cell: CellResult) -> str:
    return cell.verdict.label if cell.verdict else MISSING


_VERDICT = Column("verdict", "verdict", _verdict, _verdict, heat="text", hover=True, label="verdict")


def every_column() -> tuple[Column, ...]:
    """The cell table of every readable report, left to right; `columns` adds what a run's own metrics need."""
    return (*_WHICH, *(column for figure in figures.reported() for column in figure.table), _VERDICT)


def columns(cells: Sequence[CellResult]) -> tuple[Column, ...]:
    """The columns of a table of `cells`: a column more for each metric that is not its model's first, none for a figure
    that only some runs have where no cell has it."""
    return tuple(_columns(cells))


def _columns(cells: Sequence[CellResult]) -> Iterator[Column]:
    for column in every_column():
        if not column.sometimes or any(column.sort(cell) is not None for cell in cells):
            yield column
        if column is INTERVAL:
            yield from (column_of_metric(name) for name in metric.further(cells))
