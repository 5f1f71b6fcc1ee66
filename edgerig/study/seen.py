"""Cells as a study sees them: of which run, of which network at which size of input, placed where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgerig.decide.rules import sound
from edgerig.results import CellResult, Results, order, wording
from edgerig.study.cells import OWN_SIDES


@dataclass(frozen=True)
class Seen:
    """A cell in the run that measured it, by the run's id."""

    run: str
    cell: CellResult

    @property
    def network(self) -> str:
        """The model without what its shapes are: the same for twins, whose axes stand in another order."""
        return self.cell.model.partition("+")[0]

    @property
    def side(self) -> int:
        """The longest axis of the shapes it was given, else of the network's own; 0 where nothing says it."""
        axes = (length for shape in self.cell.shapes.values() for length in shape)
        return max(axes, default=OWN_SIDES.get(self.network, 0))

    @property
    def input(self) -> str:
        """The size of its input in words."""
        return str(self.side) if self.side else "its own"

    @property
    def place(self) -> tuple[str, str, int, str]:
        """Only what is placed alike in one run is compared."""
        return self.run, self.cell.device, self.cell.threads, wording.setup(self.cell)

    @property
    def what(self) -> tuple[str, str]:
        return self.network, self.input

    @property
    def ran(self) -> bool:
        return self.cell.status == "ok" and sound(self.cell)


def seen(runs: Sequence[Results]) -> tuple[Seen, ...]:
    """Every cell of every run, each run once: in the order of reports, but that the same network's are together, the
    smallest input first."""
    distinct = {run.run.id: run for run in runs}
    return tuple(
        each
        for run in distinct.values()
        for cells in order.by_device(run).values()
        for each in sorted((Seen(run.run.id, cell) for cell in cells), key=lambda one: (one.network, one.side))
    )


def pairs(base: Iterable[Seen], other: Iterable[Seen]) -> Iterator[tuple[Seen, Seen]]:
    """Each of `base` with each of `other` of the same network and input, placed alike in the same run."""
    theirs = list(other)
    for ours in base:
        yield from ((ours, each) for each in theirs if (each.place, each.what) == (ours.place, ours.what))


def of(found: Iterable[Seen], source: str, format_name: str, recipe: str = "fp32") -> list[Seen]:
    """The cells that ran of one source, format and recipe."""
    wanted = (source, format_name, recipe)
    return [each for each in found if each.ran and (each.cell.source, each.cell.format, each.cell.recipe) == wanted]


def not_run(found: Sequence[Seen], source: str, format_name: str, recipe: str = "fp32") -> str:
    """Why there is no cell of them that ran, in words; "" when there is one."""
    wanted = (source, format_name, recipe)
    planned = [each for each in found if (each.cell.source, each.cell.format, each.cell.recipe) == wanted]
    if any(each.ran for each in planned):
        return ""
    name = f"{source} → {format_name} {recipe}"
    if not planned:
        return f"{name}: not run"
    error = planned[0].cell.error
    return f"{name}: {planned[0].cell.status if error is None else f'{planned[0].cell.status}, {error.message}'}"
