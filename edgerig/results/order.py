"""The order in which cells are told of, in every report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from edgerig.results import CellResult, Results
from edgerig.spec import AS_IS, load_formats, load_recipes

FORMATS = tuple(load_formats())
RECIPES = (*load_recipes(), AS_IS)
"""The order of rows, legends and colours; a name not listed comes after these, by name."""


def rank(name: str, known: Sequence[str]) -> tuple[int, str]:
    """A sort key: the place of `name` in `known`, unknown names last and by name."""
    return (known.index(name) if name in known else len(known), name)


def ordered(results: Results) -> list[CellResult]:
    """The cells by device, model, source, format, recipe and threads, whatever order they finished in."""
    devices = _places(results.devices)
    models = _places(record.model for record in results.models.values())
    sources = _places(record.source for record in results.models.values())
    return sorted(
        results.cells,
        key=lambda cell: (
            devices.get(cell.device, len(devices)),
            cell.device,
            models.get(cell.model, len(models)),
            cell.model,
            sources.get(cell.source, len(sources)),
            cell.source,
            rank(cell.format, FORMATS),
            rank(cell.recipe, RECIPES),
            cell.threads,
            cell.id,
        ),
    )


def _places(names: Iterable[str]) -> dict[str, int]:
    """Each name's place among the different ones."""
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def by_device(results: Results) -> dict[str, list[CellResult]]:
    """Device → its cells in order; a device without a cell is left out."""
    return _grouped(ordered(results), lambda cell: cell.device)


def by_model(cells: Iterable[CellResult]) -> dict[str, list[CellResult]]:
    return _grouped(cells, lambda cell: cell.model)


def _grouped(cells: Iterable[CellResult], key: Callable[[CellResult], str]) -> dict[str, list[CellResult]]:
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups
