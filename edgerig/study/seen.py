"""Cells as a study sees them: of which run, of which network at which size of input, placed where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgerig.decide.rules import sound
from edgerig.errors import BuildError, ParityError, UnsupportedRecipe
from edgerig.results import CellResult, Results, order, wording
from edgerig.spec.shapes import label, written_shape
from edgerig.study.cells import OWN_SIDES

OF_ROUTE = frozenset(each.__name__ for each in (BuildError, UnsupportedRecipe, ParityError))
"""The kinds of a build's faults that are its converter's: not what ran out of time, and no process that was killed."""


@dataclass(frozen=True)
class Seen:
    """A cell in the run that measured it, by the run's id."""

    run: str
    cell: CellResult

    @property
    def network(self) -> str:
        """The model without what its shapes are: the same for twins, whose axes stand in another order. Its signature
        stays: another one computes something else."""
        return self.cell.model.removesuffix(label(self.cell.shapes))

    @property
    def side(self) -> int:
        """The longest axis of the shapes it was given, else of the network's own; 0 where nothing says it."""
        axes = (length for shape in self.cell.shapes.values() for length in shape)
        return max(axes, default=OWN_SIDES.get(self.network, 0))

    @property
    def input(self) -> str:
        """The size of its input in words: a square image's side, else all axes, the shortest first."""
        shapes = self._axes.values()
        if all(shape[-2:] == (self.side, self.side) for shape in shapes):
            return str(self.side) if self.side else "its own"
        return ", ".join(map(written_shape, shapes))

    @property
    def _axes(self) -> dict[str, tuple[int, ...]]:
        """Of every input whose shape is not its own the axes, sorted: twins have them in another order."""
        return {name: tuple(sorted(shape)) for name, shape in sorted(self.cell.shapes.items())}

    @property
    def place(self) -> tuple[str, str, int, str]:
        """Only what is placed alike in one run is compared."""
        return self.run, self.cell.device, self.cell.threads, wording.setup(self.cell)

    @property
    def what(self) -> tuple[object, ...]:
        """What is computed, in whichever framework it was authored: nothing ranks across a shape or a signature."""
        return self.network, *self._axes.items()

    @property
    def by_device(self) -> bool:
        """Did the device refuse it, or fail? That says nothing of the route."""
        return self.cell.error is not None and self.cell.error.stage == "deploy"

    @property
    def of_route(self) -> bool:
        """Does it say something of its route: that it works, or what the converter, or the file built, did wrong?
        A deadline, a process that was killed, and a fault of edgerig or of a device say nothing of it."""
        error = self.cell.error
        if error is None:
            return self.cell.status == "ok"
        return self.cell.status != "skipped" and error.stage == "build" and error.kind in OF_ROUTE

    @property
    def came_to(self) -> str:
        """What came of it, in words: `"failed, no answer in 600 s (RunTimeout)"`."""
        error = self.cell.error
        if error is not None:
            return f"{self.cell.status}, {error.message} ({error.kind})"
        label = "" if self.cell.verdict is None else self.cell.verdict.label
        return f"{self.cell.status}, {label}" if label else self.cell.status

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
        yield from ((ours, each) for each in theirs if each.place == ours.place and _same(ours, each))


def _same(ours: Seen, other: Seen) -> bool:
    """Axes in another order are the same input in another framework alone."""
    in_order = ours.cell.source != other.cell.source or ours.cell.shapes == other.cell.shapes
    return in_order and ours.what == other.what


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
