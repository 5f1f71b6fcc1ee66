"""What a cell is judged by: one file per figure, one row in `FIGURES`.

Everything that lists figures reads the rows when it is asked, so that a row more is all that a new figure needs here.
Light: neither numpy nor pydantic; results are named for the type checker alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgerig.figures.accuracy import ACCURACY
from edgerig.figures.coverage import COVERAGE
from edgerig.figures.delegation import DELEGATION
from edgerig.figures.energy import ENERGY
from edgerig.figures.field import Field
from edgerig.figures.figure import GROUPS as GROUPS
from edgerig.figures.figure import Change, Figure, Limit, Trend
from edgerig.figures.instructions import INSTRUCTIONS
from edgerig.figures.latency import LATENCY, P90, P99
from edgerig.figures.memory import MEMORY
from edgerig.figures.parity import AGREEMENT, DISAGREEMENT, PARITY
from edgerig.figures.size import SIZE
from edgerig.figures.start import FIRST, IMPORT, LOAD

FIGURES: tuple[Figure, ...] = (
    SIZE,
    IMPORT,
    LOAD,
    FIRST,
    LATENCY,
    P90,
    P99,
    MEMORY,
    ACCURACY,
    PARITY,
    AGREEMENT,
    DISAGREEMENT,
    COVERAGE,
    DELEGATION,
    INSTRUCTIONS,
    ENERGY,
)
"""In the order of results.csv and of comparisons; a report's table has them by `group`."""


def reported() -> tuple[Figure, ...]:
    """In the order of a report's tables."""
    return tuple(sorted(FIGURES, key=lambda figure: GROUPS.index(figure.group)))


def named(key: str) -> Figure:
    """Raises KeyError where no figure has this key."""
    return {figure.key: figure for figure in FIGURES}[key]


def fields() -> Iterable[Field]:
    """What files have of a cell's figures, in their order."""
    return (field for figure in FIGURES for field in figure.fields)


def compared() -> dict[str, tuple[Figure, Change]]:
    """What a comparison of two runs compares, by key."""
    return {figure.key: (figure, figure.change) for figure in FIGURES if figure.change is not None}


def limited() -> dict[str, tuple[Figure, Limit]]:
    """What a budget may limit, by the limit's key."""
    return {figure.limit.key: (figure, figure.limit) for figure in FIGURES if figure.limit is not None}


def followed() -> dict[str, tuple[Figure, Trend]]:
    """What a history can be asked for, by the trend's name."""
    return {figure.trend.name: (figure, figure.trend) for figure in FIGURES if figure.trend is not None}
