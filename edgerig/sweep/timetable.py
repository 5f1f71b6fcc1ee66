"""Which of the built cells is run next on each device: as they come, or in blocks with a reference cell between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from edgerig.plan import Cell
from edgerig.sweep.order import Place, places, reference_of, stops
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.pipeline import CellTask
from edgerig.sweep.run_folder import RunFolder

REFERENCE_LIMIT = 1
"""Samples a reference is evaluated on: its outputs are known, its time is what is asked for."""


class Timetable:
    """Of one sweep, which is `done` with some of its cells."""

    def __init__(self, run: RunFolder, done: Iterable[str]) -> None:
        plan, self._done = run.file.plan, set(done)
        self._planned = {cell.id: index for index, cell in enumerate(plan.cells)}
        self._settings = plan.sweep.order
        self._begun = Counter(outcome.cell for outcome in run.journaled() if outcome.visit)
        self._places: dict[str, Place] = {}
        self._references: dict[str, Cell] = {}
        self._ready: dict[str, CellTask] = {}
        for device in plan.devices if self.by_chance else ():
            cells = [cell for cell in plan.cells if cell.device == device]
            self._places |= places(cells, run.file.run.order_seed or 0)
            if (reference := reference_of(cells, self._settings)) is not None:
                self._references[device] = reference

    @property
    def by_chance(self) -> bool:
        """Are all cells of a device waited for before the first is run?"""
        return self._settings.by == "blocks"

    def built_for(self, cells: list[Cell]) -> list[Cell]:
        """`cells`, and the references of their devices that a run which is resumed has run already."""
        devices = {cell.device for cell in cells}
        more = [cell for device, cell in self._references.items() if device in devices and cell.id in self._done]
        return [*cells, *more]

    def takes(self, task: CellTask) -> bool:
        """Notes what the reference is made of. Has the cell itself still to be run?"""
        if self._references.get(task.cell.device) == task.cell:
            self._ready[task.cell.device] = task
        return task.cell.id not in self._done

    def knows(self, outcome: Outcome) -> bool:
        """Is it of a cell that was run before this sweep of its run began, and was built anew as a reference?"""
        return not outcome.visit and outcome.cell in self._done

    def in_order(self, tasks: Iterable[CellTask]) -> Iterator[CellTask]:
        """One after another; of several devices each in its own order."""
        planned = sorted(tasks, key=lambda task: self._planned[task.cell.id])
        if not self.by_chance:
            yield from planned
            return
        for device in dict.fromkeys(task.cell.device for task in planned):
            reference = self._ready.get(device)
            begun = 0 if reference is None else self._begun[reference.cell.id]
            own = [(self._places[task.cell.id], task) for task in planned if task.cell.device == device]
            for stop in stops(own, reference, begun, self._settings.every):
                yield _again(stop.what, stop.visit) if stop.visit else stop.what


def _again(task: CellTask, visit: int) -> CellTask:
    settings = task.settings.once().model_copy(update={"limit": REFERENCE_LIMIT})
    return task.model_copy(update={"visit": visit, "settings": settings})
