"""Two runs → what changed, cell by cell (`figure_change.py`: how sure that is of one figure). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

from edgerig.compare.figure_change import LABELS, Label, MetricChange, Pair, changes
from edgerig.compare.machine import Shift, shift
from edgerig.compare.operators import OperatorChange, operator_changes
from edgerig.compare.snapshot import DeviceSnapshot, Snapshot
from edgerig.results import Status, Value
from edgerig.spec.budget import Minimums

Presence = Literal["both", "base only", "new only"]


class CellChange(Value):
    """One cell of either run. `label` is the worst of its metrics'; `reason` tells what became of a missing one."""

    id: str
    presence: Presence
    label: Label
    base_status: Status | None = None
    new_status: Status | None = None
    reason: str = ""
    metrics: tuple[MetricChange, ...] = ()
    operators: tuple[OperatorChange, ...] = ()
    """Of the cell's profiles, where both runs have one: what explains a change, and judges none."""


class Comparison(Value):
    base: str
    new: str
    cells: tuple[CellChange, ...]
    machines: tuple[Shift, ...] = ()
    """What became of the machine itself, of each device both runs know anything of."""

    def counts(self) -> dict[Label, int]:
        found = Counter(cell.label for cell in self.cells)
        return {label: found[label] for label in LABELS if found[label]}


def compare(base: Snapshot, new: Snapshot, minimums: Callable[[str], Minimums] = lambda cell: Minimums()) -> Comparison:
    """Every cell of both runs, those of the new one first, in its order; `minimums` gives a cell's smallest effects."""
    ids = [*new.cells, *(cell for cell in base.cells if cell not in new.cells)]
    timed = {cell.device for cell in new.cells.values() if cell.latency is not None}
    machines = {
        name: found
        for name in new.devices
        if name in timed
        and name in base.devices
        and not _other_hardware(base.devices[name], new.devices[name])
        and (found := shift(name, base.speed(name), new.speed(name))) is not None
    }
    cells = tuple(_cell(name, base, new, minimums(name), machines) for name in ids)
    return Comparison(base=base.run, new=new.run, cells=cells, machines=tuple(machines.values()))


def _cell(name: str, base: Snapshot, new: Snapshot, minimums: Minimums, machines: Mapping[str, Shift]) -> CellChange:
    was, now = base.cells.get(name), new.cells.get(name)
    if was is None or now is None:
        return CellChange(
            id=name,
            presence="new only" if was is None else "base only",
            label="not compared",
            base_status=was.status if was else None,
            new_status=now.status if now else None,
            reason="the base has no such cell" if was is None else "the new run has no such cell",
        )
    known = {"id": name, "presence": "both", "base_status": was.status, "new_status": now.status}
    if was.status != "ok" or now.status != "ok":
        why = now.reasons.get("status", "") if now.status != "ok" else ""
        reason = f"{was.status} in the base, {now.status} now{': ' + why if why else ''}"
        return CellChange.model_validate({**known, "label": "not compared", "reason": reason})
    here = Pair(
        was, now, _other_hardware(base.devices.get(was.device), new.devices.get(now.device)), machines.get(now.device)
    )
    metrics = changes(here, minimums)
    label = next((each for each in LABELS if any(metric.label == each for metric in metrics)), "not compared")
    changed = operator_changes(was.profile, now.profile)
    return CellChange.model_validate({**known, "label": label, "metrics": metrics, "operators": changed})


def _other_hardware(base: DeviceSnapshot | None, new: DeviceSnapshot | None) -> str:
    if base is None or new is None or base.cpu == new.cpu:
        return ""
    return f"measured on other hardware: {base.cpu or 'an unknown processor'} in the base, {new.cpu or 'unknown'} now"
