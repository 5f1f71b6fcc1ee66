"""The journal of a run → what its reference cells say of each device, and of each cell's place among them."""

from __future__ import annotations

import bisect
import contextlib
from dataclasses import dataclass, field

from edgerig.measure import reference
from edgerig.measure.raw import read_raw
from edgerig.measure.reference import Visited
from edgerig.results import CellOrder, Drift, ReferenceVisit
from edgerig.sweep.order import places, reference_of
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.run_folder import RunFolder


@dataclass(frozen=True)
class Drifts:
    devices: dict[str, Drift] = field(default_factory=dict)
    cells: dict[str, CellOrder] = field(default_factory=dict)


def drifts(run: RunFolder) -> Drifts:
    """Nothing of a run whose order was the plan's."""
    plan, seed, found = run.file.plan, run.file.run.order_seed, Drifts()
    if seed is None:
        return found
    journal = run.journaled()
    for device in plan.devices:
        cells = [cell for cell in plan.cells if cell.device == device]
        chosen = reference_of(cells, plan.sweep.order)
        order = places(cells, seed)
        between: dict[str, tuple[ReferenceVisit | None, ReferenceVisit | None]] = {}
        if chosen is not None:
            visited = _visited(run, journal, chosen.id)
            found.devices[device] = drift = reference.drift(chosen.id, seed, [each for _, each in visited])
            between = around(journal, set(order), [line for line, _ in visited], drift.visits)
        for cell, place in order.items():
            found.cells[cell] = reference.around(place.block, place.number, *between.get(cell, (None, None)))
    return found


def _visited(run: RunFolder, journal: list[Outcome], cell: str) -> list[tuple[int, Visited]]:
    """Each sound visit with its line in the journal."""
    found = []
    for line, outcome in enumerate(journal):
        if outcome.cell == cell and outcome.visit and outcome.status == "ok" and outcome.raw is not None:
            with contextlib.suppress(Exception):  # whatever a raw run holds costs nothing but itself
                found.append((line, Visited(outcome.visit, outcome.at, read_raw(run.folder / outcome.raw, cell))))
    return found


def around(
    journal: list[Outcome], cells: set[str], lines: list[int], visits: tuple[ReferenceVisit, ...]
) -> dict[str, tuple[ReferenceVisit | None, ReferenceVisit | None]]:
    """Of each of a device's cells the visits before and after it, by their `lines` in the journal, in order."""
    found: dict[str, tuple[ReferenceVisit | None, ReferenceVisit | None]] = {}
    for line, outcome in enumerate(journal):
        if outcome.cell in cells and not outcome.visit:
            place = bisect.bisect(lines, line)
            found[outcome.cell] = (visits[place - 1] if place else None, visits[place] if place < len(visits) else None)
    return found
