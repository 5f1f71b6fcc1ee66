"""What a snapshot keeps of a figure: its number, and those that say how exactly it is known."""

from __future__ import annotations

from dataclasses import dataclass

from edgerig import figures
from edgerig.figures.figure import Figure, Number
from edgerig.measure.metrics import share
from edgerig.results import CellResult
from edgerig.spec.keyed import Keyed, Quantity


@dataclass(frozen=True)
class Known:
    """`low` and `high` are what the figure may as well be; None: that is not known."""

    value: Number
    low: Number | None
    high: Number | None


def kept() -> tuple[Figure, ...]:
    """The figures a snapshot keeps as numbers; latency and accuracy have values of their own there."""
    return tuple(
        figure
        for figure in figures.every()
        if (figure.change or figure.limit) and figure.certainty.known not in ("latency", "accuracy")
    )


def names() -> dict[str, Quantity]:
    """The names of a snapshot's numbers."""
    return {
        name: "amount" if suffix == "samples" else _quantity(figure)
        for figure in kept()
        for suffix in ("", *(suffix for suffix, _ in figure.certainty.beside))
        for name in (f"{figure.kept}_{suffix}" if suffix else figure.kept,)
    }


def _quantity(figure: Figure) -> Quantity:
    """What has an interval may be a difference, such as what is left of an idle device's share, and so below 0."""
    if figure.certainty.known == "interval":
        return "any"
    return "amount" if figure.whole else "number"


def taken(cell: CellResult) -> dict[str, Number | None]:
    """The numbers of a cell, by name; of a figure that has no value, none beside it."""
    found: dict[str, Number | None] = {}
    for figure in kept():
        value = found[figure.kept] = figure.value(cell)
        for suffix, get in figure.certainty.beside:
            found[f"{figure.kept}_{suffix}"] = None if value is None else get(cell)
    return found


def known(cell: Keyed, figure: Figure) -> Known | None:
    """Of a cell in a snapshot; None: it has no such figure."""
    value = cell.of(figure.kept)
    if value is None:
        return None
    beside = {suffix: cell.of(f"{figure.kept}_{suffix}") for suffix, _ in figure.certainty.beside}
    match figure.certainty.known:
        case "counted":
            spread = beside["spread"] or 0
            return Known(value, value - spread, value + spread)
        case "share":
            samples = int(beside["samples"] or 0)
            ends = share(round(value * samples), samples)[1] if samples else None
            return Known(value, *(ends or (None, None)))
        case "interval":
            return Known(value, beside["low"], beside["high"])
    return Known(value, value, value)
