"""What classifiers take for what: a table per cell, of the cells that are to ship first. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgerig.decide.decision import Decision
from edgerig.figures.numbers import counted, percent, significant
from edgerig.measure.metrics import share
from edgerig.results import CellResult, Confusion, Results

SHOWN = 24
"""Tables of a page; results.json has all."""
WIDEST = 20
"""Classes of a whole table; of more, those with the lowest recall are listed, with what they are taken for."""
_TAKEN_FOR = 3
LEVELS = 5
"""Shades of a cell of the table, by its share of its row; 0 is none."""


@dataclass(frozen=True)
class Row:
    """One class: what it is called, its samples, its recall with the 95 % interval, how many were answered with each
    class as (count, shade, is it the label) in the order of `Table.header`, and in words what it is taken for."""

    name: str
    support: int
    recall: str
    interval: str
    counts: tuple[tuple[int, int, bool], ...]
    taken_for: str


@dataclass(frozen=True)
class Table:
    """Of one output of one cell; `header` are the classes across, () where there are too many for a table. `hidden` is
    how many classes are left out."""

    cell: str
    title: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    hidden: int
    pick: bool


def tables(results: Results, cells: Iterable[CellResult], decided: Iterable[Decision]) -> list[Table]:
    """The first `SHOWN`, what is to ship in front."""
    picks = {each.pick.id for each in decided if each.pick is not None}
    having = [cell for cell in cells if cell.confusion]
    ordered = sorted(having, key=lambda cell: cell.id not in picks)
    found = [(cell, confusion) for cell in ordered for confusion in cell.confusion][:SHOWN]
    return [_table(cell, confusion, _names(results, cell, confusion), cell.id in picks) for cell, confusion in found]


def left_out(cells: Iterable[CellResult]) -> int:
    """How many tables the page has no room for."""
    return max(0, sum(len(cell.confusion) for cell in cells) - SHOWN)


def _names(results: Results, cell: CellResult, found: Confusion) -> Sequence[str]:
    model = results.models.get(f"{cell.model}-{cell.source}")
    named = model.classes if model is not None else ()
    return named if len(named) == len(found.support) else [str(place) for place in range(len(found.support))]


def _table(cell: CellResult, found: Confusion, names: Sequence[str], pick: bool) -> Table:
    whole = len(names) <= WIDEST
    labels = list(range(len(names))) if whole else _hardest(found)
    counts = {(label, answer): count for label, answer, count in found.confused}
    counts |= {(label, label): count for label, count in enumerate(found.right) if count}
    output = f"output {found.output}, " if found.output else ""
    wrong = sum(found.support) - sum(found.right)
    samples = sum(found.support)
    return Table(
        cell=cell.id,
        title=f"{output}{counted(wrong, 'sample')} of {samples:,} wrong",
        header=tuple(names) if whole else (),
        rows=tuple(_row(label, found, names, counts, range(len(names)) if whole else ()) for label in labels),
        hidden=len(names) - len(labels),
        pick=pick,
    )


def _hardest(found: Confusion) -> list[int]:
    """The `WIDEST` classes with the lowest recall, of those that have samples."""
    having = [label for label, count in enumerate(found.support) if count]
    return sorted(having, key=lambda label: (found.right[label] / found.support[label], label))[:WIDEST]


def _row(
    label: int, found: Confusion, names: Sequence[str], counts: dict[tuple[int, int], int], answers: Iterable[int]
) -> Row:
    support, right = found.support[label], found.right[label]
    value, interval = share(right, support) if support else (None, None)
    others = [(count, answer) for own, answer, count in found.confused if own == label][:_TAKEN_FOR]
    return Row(
        name=names[label],
        support=support,
        recall=percent(value),
        interval="" if interval is None else "–".join(significant(100 * end) for end in interval),
        counts=tuple(
            (count := counts.get((label, answer), 0), _shade(count, support), answer == label) for answer in answers
        ),
        taken_for=", ".join(f"{names[answer]} ({count:,})" for count, answer in others),
    )


def _shade(count: int, support: int) -> int:
    """0 of nothing, else 1 to `LEVELS`."""
    return min(LEVELS, 1 + int(LEVELS * count / support)) if count else 0
