"""What a cell is judged by: one file per figure, one row in `FIGURES`.

Everything that lists figures reads the rows when it is asked, so that a row more is all that a new figure needs here.
Packages add rows with entry points of the group `edgerig.figures` (`edgerig/plugins.py`).
Light: neither numpy nor pydantic; results are named for the type checker alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgerig.figures.accuracy import ACCURACY, of_metric
from edgerig.figures.coverage import COVERAGE
from edgerig.figures.delegation import DELEGATION
from edgerig.figures.energy import ENERGY
from edgerig.figures.field import Field
from edgerig.figures.figure import GROUPS as GROUPS
from edgerig.figures.figure import Change, Figure, Limit, Trend
from edgerig.figures.instructions import INSTRUCTIONS
from edgerig.figures.latency import LATENCY, P90, P99
from edgerig.figures.memory import MEMORY
from edgerig.figures.metric import OF
from edgerig.figures.parity import AGREEMENT, DISAGREEMENT, PARITY
from edgerig.figures.served import ROUND_TRIP, SERVED
from edgerig.figures.size import SIZE
from edgerig.figures.stages import POSTPROCESS, PREPROCESS
from edgerig.figures.start import COMPILE, FIRST, IMPORT, LOAD
from edgerig.figures.sustained import SUSTAINED
from edgerig.plugins import added, remembered

PLUGINS = "edgerig.figures"
"""The entry-point group."""

FIGURES: tuple[Figure, ...] = (
    SIZE,
    IMPORT,
    LOAD,
    COMPILE,
    FIRST,
    LATENCY,
    P90,
    P99,
    SUSTAINED,
    ROUND_TRIP,
    SERVED,
    PREPROCESS,
    POSTPROCESS,
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
"""edgerig's own, in the order of results.csv and of comparisons; a report's table has them by `group`."""


def every() -> tuple[Figure, ...]:
    """All the figures there are: edgerig's own, then those that packages add. Raises ConfigError."""
    return (*FIGURES, *_added())


@remembered
def _added() -> tuple[Figure, ...]:
    found: list[Figure] = []
    taken = {name for figure in FIGURES for name in _names(figure)}
    for name, plugin in added(PLUGINS, {figure.key for figure in FIGURES}).items():
        figure = plugin.load(Figure)
        if figure.key != name:
            raise plugin.refused(f'has the key "{figure.key}": it must be the entry point\'s name')
        own = set(_names(figure))
        if figure.group not in GROUPS:
            raise plugin.refused(f'has the group "{figure.group}", which is none of {", ".join(GROUPS)}')
        if figure.field not in {field.name for field in figure.fields}:
            raise plugin.refused(f'has the field "{figure.field}" that is none of its fields')
        if twice := sorted(own & taken):
            raise plugin.refused(f"has names of another figure: {', '.join(twice)}")
        taken |= own
        found.append(figure)
    return tuple(found)


def _names(figure: Figure) -> Iterator[str]:
    """What no other figure may be called, with what it is the name of."""
    yield from (f"field {field.name}" for field in figure.fields)
    yield from (f"column {column.key}" for column in figure.table)
    if figure.limit is not None:
        yield f"limit {figure.limit.key}"
    if figure.trend is not None:
        yield f"trend {figure.trend.name}"


def reported() -> tuple[Figure, ...]:
    """In the order of a report's tables."""
    return tuple(sorted(every(), key=lambda figure: GROUPS.index(figure.group)))


def named(key: str) -> Figure:
    """A row's, or the one made for a further metric. Raises KeyError where no figure has this key."""
    if key.startswith(OF):
        return of_metric(key.removeprefix(OF))
    return {figure.key: figure for figure in every()}[key]


def fields() -> Iterable[Field]:
    """What files have of a cell's figures, in their order."""
    return (field for figure in every() for field in figure.fields)


def compared() -> dict[str, tuple[Figure, Change]]:
    """What a comparison of two runs compares, by key."""
    return {figure.key: (figure, figure.change) for figure in every() if figure.change is not None}


def limited() -> dict[str, tuple[Figure, Limit]]:
    """What a budget may limit, by the limit's key."""
    return {figure.limit.key: (figure, figure.limit) for figure in every() if figure.limit is not None}


def followed() -> dict[str, tuple[Figure, Trend]]:
    """What a history can be asked for, by the trend's name."""
    return {figure.trend.name: (figure, figure.trend) for figure in every() if figure.trend is not None}
