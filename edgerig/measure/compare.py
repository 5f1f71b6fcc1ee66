"""Two runs → what changed, cell by cell, and how sure that is. Pure.

A change is told from noise by two things together: it is at least the budget's minimum, and its 95 % interval lies
wholly beyond that. An interval wholly inside the minimum is `same`. What lies across it is `inconclusive`, which is not
the same as `same`: the data allows both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

from edgerig.figures.verdict import kind_of
from edgerig.measure.evidence import Difference, latency_ratio, own_core, paired_accuracy, unpaired
from edgerig.measure.machine import UNCORRECTED, Shift, reach, shift
from edgerig.measure.snapshot import AccuracySnapshot, CellSnapshot, DeviceSnapshot, Snapshot
from edgerig.results import Status, Value
from edgerig.spec.budget import Minimums

Label = Literal["improved", "same", "regressed", "inconclusive", "not compared"]
Metric = Literal["size", "latency", "memory", "accuracy", "parity", "instructions"]
Presence = Literal["both", "base only", "new only"]
LABELS: tuple[Label, ...] = ("regressed", "inconclusive", "improved", "same", "not compared")


class MetricChange(Value):
    """`effect`, `low` and `high` are relative to the base (0.05: 5 % more); with `unit` "points" (a share of right
    answers) and "" (a relative error) they are absolute. None where nothing could be compared; `reason` says why.
    `measured` is the effect as it was measured, where `effect` is corrected for the machine's own speed (`machines`).
    """

    metric: Metric
    label: Label
    unit: Literal["%", "points", ""] = "%"
    base: float | None = None
    new: float | None = None
    effect: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    minimum: float
    reason: str = ""


class CellChange(Value):
    """One cell of either run. `label` is the worst of its metrics'; `reason` tells what became of a missing one."""

    id: str
    presence: Presence
    label: Label
    base_status: Status | None = None
    new_status: Status | None = None
    reason: str = ""
    metrics: tuple[MetricChange, ...] = ()


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
    devices = base.devices.get(was.device), new.devices.get(now.device)
    metrics = (
        _plain("size", was.size_bytes, now.size_bytes, minimums.size, now),
        _latency(was, now, _other_hardware(*devices), machines.get(now.device), minimums.latency),
        _plain("memory", was.peak_memory_bytes, now.peak_memory_bytes, minimums.memory, now),
        _accuracy(was, now, minimums.accuracy),
        _parity(was, now, minimums.parity),
        _instructions(was, now, _other_hardware(*devices), minimums.instructions),
    )
    label = next((each for each in LABELS if any(metric.label == each for metric in metrics)), "not compared")
    return CellChange.model_validate({**known, "label": label, "metrics": metrics})


def _absent(
    metric: Metric, was: float | None, now: float | None, minimum: float, cell: CellSnapshot
) -> MetricChange | None:
    """What there is to say where either figure is missing; None where both are there."""
    if was is not None and now is not None:
        return None
    why = cell.reasons.get(metric, "")
    if was is None:
        reason = "the base has no such figure" if now is not None else why or "not measured"
        return MetricChange(metric=metric, label="not compared", new=now, minimum=minimum, reason=reason)
    reason = f"measured in the base, not now{': ' + why if why else ''}"
    return MetricChange(metric=metric, label="inconclusive", base=was, minimum=minimum, reason=reason)


def _changed(
    metric: Metric, was: float, now: float, found: Difference, minimum: float, reason: str = "", *, sign: int = 1
) -> MetricChange:
    """The change as labelled by its interval; `sign` -1 where more is better."""
    low, high = sorted((sign * found.low, sign * found.high))
    label: Label = "inconclusive"
    if low > minimum:
        label = "regressed"
    elif high < -minimum:
        label = "improved"
    elif -minimum <= low and high <= minimum:
        label = "same"
    if label == "inconclusive" and not reason:
        reason = "the interval reaches beyond the smallest change that counts, but not wholly: the data allows both"
    return MetricChange(
        metric=metric,
        label=label,
        base=was,
        new=now,
        effect=found.effect,
        low=found.low,
        high=found.high,
        p=found.p,
        minimum=minimum,
        reason=reason,
    )


def _relative(was: float, now: float, margin: float = 0.0) -> Difference | None:
    """now / was - 1, give or take `margin` (in the figures' unit); None where there is nothing to be relative to."""
    if was == 0:
        return Difference(0.0, 0.0, 0.0, None) if now == 0 else None
    return Difference(now / was - 1, (now - margin) / was - 1, (now + margin) / was - 1, None)


def _plain(metric: Metric, was: int | None, now: int | None, minimum: float, cell: CellSnapshot) -> MetricChange:
    """A figure that repeats: any change is one of the build, and only the minimum decides."""
    absent = _absent(metric, was, now, minimum, cell)
    if absent is not None or was is None or now is None:
        return absent or MetricChange(metric=metric, label="not compared", minimum=minimum)
    found = _relative(was, now)
    if found is None:
        return MetricChange(metric=metric, label="regressed", base=was, new=now, minimum=minimum, reason="it was zero")
    return _changed(metric, was, now, found, minimum)


def _instructions(was: CellSnapshot, now: CellSnapshot, other: str, minimum: float) -> MetricChange:
    """Counts repeat but for a few; the range of a run's own counts is what they are uncertain by."""
    if was.instructions is None or now.instructions is None:
        absent = _absent("instructions", was.instructions, now.instructions, minimum, now)
        return absent or MetricChange(metric="instructions", label="not compared", minimum=minimum)
    found = _relative(
        was.instructions, now.instructions, (was.instructions_spread or 0) + (now.instructions_spread or 0)
    )
    if other or found is None:
        return MetricChange(
            metric="instructions",
            label="inconclusive",
            base=was.instructions,
            new=now.instructions,
            minimum=minimum,
            reason=other or "the base counted none",
        )
    return _changed("instructions", was.instructions, now.instructions, found, minimum)


def _parity(was: CellSnapshot, now: CellSnapshot, minimum: float) -> MetricChange:
    """The same file on the same device computes the same: a change of the relative error is one of the build."""
    if was.relative_error is None or now.relative_error is None:
        absent = _absent("parity", was.relative_error, now.relative_error, minimum, now)
        return absent or MetricChange(metric="parity", label="not compared", minimum=minimum)
    change = now.relative_error - was.relative_error
    found = Difference(change, change, change, None)
    named = f'of output "{now.worst_output}", the worst' if now.worst_output else ""
    changed = _changed("parity", was.relative_error, now.relative_error, found, minimum, named)
    return changed.model_copy(update={"unit": ""})


def _accuracy(was: CellSnapshot, now: CellSnapshot, minimum: float) -> MetricChange:
    old, new = was.accuracy, now.accuracy
    if old is None or new is None:
        absent = _absent("accuracy", old.value if old else None, new.value if new else None, minimum, now)
        return absent or MetricChange(metric="accuracy", label="not compared", minimum=minimum)
    sign = -1 if new.higher_is_better else 1
    told = "points" if new.unit == "fraction" else "%"
    if (old.metric, old.samples, old.dataset) != (new.metric, new.samples, new.dataset):
        reason = (
            f"not of the same data: {old.metric} of {old.samples} samples ({old.dataset}) in the base, "
            f"{new.metric} of {new.samples} ({new.dataset}) now"
        )
        return MetricChange(
            metric="accuracy", label="inconclusive", base=old.value, new=new.value, minimum=minimum, reason=reason
        )
    if was.outputs_sha256 is not None and was.outputs_sha256 == now.outputs_sha256:
        none = Difference(0.0, 0.0, 0.0, 1.0)
        same = _changed("accuracy", old.value, new.value, none, minimum, "every output is the same", sign=sign)
        return same.model_copy(update={"unit": told})
    found, reason = _accuracy_change(old, new)
    if found is None:
        return MetricChange(
            metric="accuracy", label="inconclusive", base=old.value, new=new.value, minimum=minimum, reason=reason
        )
    if told == "%":
        scale = abs(old.value) or 1.0
        found = Difference(found.effect / scale, found.low / scale, found.high / scale, found.p)
    changed = _changed("accuracy", old.value, new.value, found, minimum, reason, sign=sign)
    return changed.model_copy(update={"unit": told})


def _accuracy_change(old: AccuracySnapshot, new: AccuracySnapshot) -> tuple[Difference | None, str]:
    """By the same samples where both runs tell which they had wrong, else by the two intervals."""
    if old.wrong is not None and new.wrong is not None:
        lost, gained = len(set(new.wrong) - set(old.wrong)), len(set(old.wrong) - set(new.wrong))
        told = f"of {new.samples} samples {lost} are newly wrong and {gained} newly right"
        return paired_accuracy(old.wrong, new.wrong, new.samples), told
    if old.ci95 is None or new.ci95 is None:
        return None, "one of the two is known without an interval"
    told = "compared by the two intervals: which samples were wrong is not known for both"
    return unpaired(old.value, old.ci95, new.value, new.ci95), told


def _latency(was: CellSnapshot, now: CellSnapshot, other: str, machine: Shift | None, minimum: float) -> MetricChange:
    if was.emulated or now.emulated:
        reason = "emulated: its time says nothing of the device"
        return MetricChange(metric="latency", label="not compared", minimum=minimum, reason=reason)
    old, new = was.latency, now.latency
    if old is None or new is None:
        absent = _absent("latency", old.p50_ms if old else None, new.p50_ms if new else None, minimum, now)
        return absent or MetricChange(metric="latency", label="not compared", minimum=minimum)
    changed = _changed("latency", old.p50_ms, new.p50_ms, latency_ratio(old, new, machine, now.size_bytes), minimum)
    if machine is not None and machine.corrected:
        changed = changed.model_copy(update={"measured": latency_ratio(old, new).effect})
    doubt = other or _untimed(was, now) or (_MACHINE if machine is not None and machine.doubt else "")
    if doubt:
        return changed.model_copy(update={"label": "inconclusive", "reason": doubt})
    if changed.label == "inconclusive" and max(len(old.process_p50_ms), len(new.process_p50_ms)) == 1:
        told = "neither run was spread over several processes: raise run.repeats to 3 or more"
        return changed.model_copy(update={"reason": told})
    apart = (
        ()
        if machine is None or not machine.corrected
        else reach(machine, now.size_bytes, old.p50_ms, own_core(old, new))
    )
    if changed.label == "inconclusive" and sum(apart) > minimum / 2:
        return changed.model_copy(update={"reason": _beside(own_core(old, new)) or _MACHINE})
    return changed


def _beside(own: float | None) -> str:
    """What is said of the one cell whose core was shared, or was free again, while it ran."""
    if own is None or abs(own - 1) <= 2 * UNCORRECTED:
        return ""
    return f"arithmetic beside this cell took {own - 1:+.0%}: its core was shared in one of the runs"


_MACHINE = "the machine itself changed: see the note on it"
"""What is said of every cell on a device is said of the device, once (`Shift.doubt`)."""


def untimed(cell: CellSnapshot) -> bool:
    """Does its verdict say that the latency is neither to be compared nor to be held to a limit?"""
    return cell.verdict is not None and not kind_of(cell.verdict).timed


def _untimed(was: CellSnapshot, now: CellSnapshot) -> str:
    """Why the two latencies cannot be compared whatever they are; "" when they can."""
    for name, cell in (("the base", was), ("the new run", now)):
        if untimed(cell):
            return f"{name} is {cell.verdict}: its latency is not one to compare"
    if "fallback" in (was.verdict, now.verdict) and (was.verdict, was.undelegated) != (now.verdict, now.undelegated):
        return (
            f"operators outside the fast backend: {_left(was)} in the base, {_left(now)} now; what is compared is the "
            "fallback"
        )
    return ""


def _left(cell: CellSnapshot) -> str:
    return "unknown" if cell.undelegated is None else str(cell.undelegated)


def _other_hardware(base: DeviceSnapshot | None, new: DeviceSnapshot | None) -> str:
    if base is None or new is None or base.cpu == new.cpu:
        return ""
    return f"measured on other hardware: {base.cpu or 'an unknown processor'} in the base, {new.cpu or 'unknown'} now"
