"""Each output of a build against its source, where one figure for all of them would hide something. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgerig.figures.numbers import percent, significant
from edgerig.results import CellResult, OutputParity

HEADER = ("cell", "output", "relative error", "agreement with float", "weak channels", "constant channels")
NUMERIC = (False, False, True, True, False, False)
SHOWN = 200
"""Rows of a readable report; results.json has them all."""
_LISTED = 8
"""Channels listed by their index."""


@dataclass(frozen=True)
class Row:
    """One output of one cell, in words, as `HEADER` has them; `worst`: the cell's figures are this output's."""

    cell: str
    output: str
    error: str
    agreement: str
    weak: str
    constant: str
    worst: bool

    @property
    def texts(self) -> tuple[str, ...]:
        marked = f"{self.output} (worst)" if self.worst else self.output
        return self.cell, marked, self.error, self.agreement, self.weak, self.constant


def rows(cells: Iterable[CellResult]) -> list[Row]:
    """The outputs of every cell that has several, or one with something to be said of its channels."""
    return [
        _row(cell, output)
        for cell in cells
        if cell.status == "ok" and (len(cell.parity.outputs) > 1 or any(map(_noted, cell.parity.outputs)))
        for output in cell.parity.outputs
    ]


def _noted(output: OutputParity) -> bool:
    return bool(output.weak or output.constant)


def _row(cell: CellResult, output: OutputParity) -> Row:
    return Row(
        cell=cell.id,
        output=output.name,
        error=_error(output),
        agreement=percent(output.agreement),
        weak=output.weak or "none",
        constant=channels(output.constant) or "none",
        worst=len(cell.parity.outputs) > 1 and output.name == cell.parity.worst and bool(output.relative_error),
    )


def _error(output: OutputParity) -> str:
    """An index has no error to be relative: it is the same or another."""
    if output.relative_error is not None:
        return significant(output.relative_error)
    return output.reason or ("compared as indices" if output.compared == "index" else "no reason was recorded")


def channels(places: tuple[int, ...]) -> str:
    """`"3, 7, 9"`, the first few of many."""
    listed = ", ".join(map(str, places[:_LISTED]))
    return f"{listed} and {len(places) - _LISTED} more" if len(places) > _LISTED else listed
