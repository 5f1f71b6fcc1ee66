"""One figure of a cell in two runs → what changed, and how sure that is.

A change is told from noise by two things together: it is at least the budget's minimum, and its 95 % interval lies
wholly beyond that. An interval wholly inside the minimum is `same`. What lies across it is `inconclusive`, which is not
the same as `same`: the data allows both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from edgerig import figures
from edgerig.compare.evidence import Difference, independent_ratio, latency_ratio, own_core, paired_accuracy, unpaired
from edgerig.compare.known import Known, known
from edgerig.compare.machine import UNCORRECTED, Shift, reach
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot
from edgerig.figures.accuracy import ACCURACY
from edgerig.figures.figure import Change, Figure
from edgerig.figures.metric import OF
from edgerig.figures.size import SIZE
from edgerig.figures.verdict import kind_of
from edgerig.results import Value
from edgerig.spec.budget import Minimums

Label = Literal["improved", "same", "regressed", "inconclusive", "not compared"]
LABELS: tuple[Label, ...] = ("regressed", "inconclusive", "improved", "same", "not compared")


class MetricChange(Value):
    """`metric` is the figure's key. `effect`, `low` and `high` are relative to the base (0.05: 5 % more); with `unit`
    "points" (a share of right answers) and "" (a relative error) they are absolute. None where nothing could be
    compared; `reason` says why. `measured` is the effect as it was measured, where `effect` is corrected for the
    machine's own speed (`machines`).
    """

    metric: str
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


@dataclass(frozen=True)
class Pair:
    """A cell in both runs. `other`: why figures of its processor are not to be compared, "" where they are; `machine`:
    what became of the machine itself."""

    was: CellSnapshot
    now: CellSnapshot
    other: str
    machine: Shift | None


def changes(pair: Pair, minimums: Minimums) -> tuple[MetricChange, ...]:
    """Of every figure that is compared, and of each metric beside the first."""
    of_figures = [
        _HOW[figure.certainty.known](figure, change, pair, minimums.least(key))
        for key, (figure, change) in figures.compared().items()
    ]
    return (*of_figures, *_further(pair, minimums.least(ACCURACY.key)))


def _absent(metric: str, was: float | None, now: float | None, minimum: float, cell: CellSnapshot) -> MetricChange:
    """What there is to say where either figure is missing."""
    why = cell.reasons.get(metric, "")
    if was is None:
        reason = "the base has no such figure" if now is not None else why or "not measured"
        return MetricChange(metric=metric, label="not compared", new=now, minimum=minimum, reason=reason)
    reason = f"measured in the base, not now{': ' + why if why else ''}"
    return MetricChange(metric=metric, label="inconclusive", base=was, minimum=minimum, reason=reason)


def _changed(
    metric: str, was: float, now: float, found: Difference, minimum: float, reason: str = "", *, sign: int = 1
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


def _open(metric: str, was: float, now: float, minimum: float, reason: str) -> MetricChange:
    return MetricChange(metric=metric, label="inconclusive", base=was, new=now, minimum=minimum, reason=reason)


def _number(figure: Figure, change: Change, pair: Pair, minimum: float) -> MetricChange:
    """A figure that is a number: one that repeats changes with the build alone, so that only the minimum decides."""
    key, old, new = figure.key, known(pair.was, figure), known(pair.now, figure)
    if old is None or new is None:
        was, now = (None if one is None else one.value for one in (old, new))
        return _absent(key, was, now, minimum, pair.now)
    if change.on_processor and pair.other:
        return _open(key, old.value, new.value, minimum, pair.other)
    sign = -1 if figure.better == "higher" else 1
    if change.relative and old.value == 0 != new.value:
        label: Label = "regressed" if sign > 0 else "improved"
        return MetricChange(
            metric=key, label=label, base=old.value, new=new.value, minimum=minimum, reason="it was zero"
        )
    found = _difference(figure, change, old, new)
    if found is None:
        return _open(key, old.value, new.value, minimum, "one of the two has no interval, or one that reaches to 0")
    remark = f"of {remark}" if (remark := pair.now.remarks.get(key, "")) else ""
    changed = _changed(key, old.value, new.value, found, minimum, remark, sign=sign)
    return changed if change.relative else changed.model_copy(update={"unit": ""})


def _difference(figure: Figure, change: Change, old: Known, new: Known) -> Difference | None:
    """By how much the number changed, as exactly as it is known; None where that is not known."""
    if old.low is None or old.high is None or new.low is None or new.high is None:
        return None
    if change.relative and old.value == 0:
        return Difference(0.0, 0.0, 0.0, None)
    if figure.certainty.known in ("interval", "share"):
        if not change.relative:
            return unpaired(old.value, (old.low, old.high), new.value, (new.low, new.high))
        if min(old.low, new.low) <= 0:
            return None
        return independent_ratio(old.value, (old.low, old.high), new.value, (new.low, new.high))
    effect, margin = new.value - old.value, (new.high - new.low + old.high - old.low) / 2
    scale = old.value if change.relative else 1
    return Difference(effect / scale, (effect - margin) / scale, (effect + margin) / scale, None)


def _accuracy(figure: Figure, change: Change, pair: Pair, minimum: float) -> MetricChange:
    return _scored(figure.key, pair.was.accuracy, pair.now.accuracy, pair, minimum)


def _further(pair: Pair, minimum: float) -> Iterator[MetricChange]:
    """Of each metric beside the first that one of the two has."""
    for name in dict.fromkeys((*pair.now.metrics, *pair.was.metrics)):
        yield _scored(f"{OF}{name}", pair.was.metrics.get(name), pair.now.metrics.get(name), pair, minimum)


def _scored(
    key: str, old: AccuracySnapshot | None, new: AccuracySnapshot | None, pair: Pair, minimum: float
) -> MetricChange:
    if old is None or new is None:
        return _absent(key, old.value if old else None, new.value if new else None, minimum, pair.now)
    sign = -1 if new.higher_is_better else 1
    unit = "points" if new.unit == "fraction" else "%"
    if (old.metric, old.samples, old.dataset) != (new.metric, new.samples, new.dataset):
        reason = (
            f"not of the same data: {old.metric} of {old.samples} samples ({old.dataset}) in the base, "
            f"{new.metric} of {new.samples} ({new.dataset}) now"
        )
        return _open(key, old.value, new.value, minimum, reason)
    if pair.was.outputs_sha256 is not None and pair.was.outputs_sha256 == pair.now.outputs_sha256:
        none = Difference(0.0, 0.0, 0.0, 1.0)
        same = _changed(key, old.value, new.value, none, minimum, "every output is the same", sign=sign)
        return same.model_copy(update={"unit": unit})
    found, reason = _accuracy_change(old, new)
    if found is None:
        return _open(key, old.value, new.value, minimum, reason)
    if unit == "%":
        scale = abs(old.value) or 1.0
        found = Difference(found.effect / scale, found.low / scale, found.high / scale, found.p)
    changed = _changed(key, old.value, new.value, found, minimum, reason, sign=sign)
    return changed.model_copy(update={"unit": unit})


def _accuracy_change(old: AccuracySnapshot, new: AccuracySnapshot) -> tuple[Difference | None, str]:
    """By the same samples where both runs tell which they had wrong, else by the two intervals."""
    if old.wrong is not None and new.wrong is not None:
        lost, gained = len(set(new.wrong) - set(old.wrong)), len(set(old.wrong) - set(new.wrong))
        evidence = f"of {new.samples} samples {lost} are newly wrong and {gained} newly right"
        return paired_accuracy(old.wrong, new.wrong, new.samples), evidence
    if old.ci95 is None or new.ci95 is None:
        return None, "one of the two is known without an interval"
    evidence = "compared by the two intervals: which samples were wrong is not known for both"
    return unpaired(old.value, old.ci95, new.value, new.ci95), evidence


def _latency(figure: Figure, change: Change, pair: Pair, minimum: float) -> MetricChange:
    key, was, now, machine = figure.key, pair.was, pair.now, pair.machine
    if was.emulated or now.emulated:
        reason = "emulated: its time says nothing of the device"
        return MetricChange(metric=key, label="not compared", minimum=minimum, reason=reason)
    old, new = was.latency, now.latency
    if old is None or new is None:
        return _absent(key, old.p50_ms if old else None, new.p50_ms if new else None, minimum, now)
    if old.timed != new.timed:
        reason = "the server told what a request took it in one run alone: a round trip is no latency of a server's"
        return MetricChange(metric=key, label="not compared", minimum=minimum, reason=reason)
    size = _size(now)
    changed = _changed(key, old.p50_ms, new.p50_ms, latency_ratio(old, new, machine, size), minimum)
    if machine is not None and machine.corrected:
        changed = changed.model_copy(update={"measured": latency_ratio(old, new).effect})
    doubt = pair.other or _untimed(was, now) or (_MACHINE if machine is not None and machine.doubt else "")
    if doubt:
        return changed.model_copy(update={"label": "inconclusive", "reason": doubt})
    if changed.label == "inconclusive" and max(len(old.process_p50_ms), len(new.process_p50_ms)) == 1:
        evidence = "neither run was spread over several processes: raise run.repeats to 3 or more"
        return changed.model_copy(update={"reason": evidence})
    apart = () if machine is None or not machine.corrected else reach(machine, size, old.p50_ms, own_core(old, new))
    if changed.label == "inconclusive" and sum(apart) > minimum / 2:
        return changed.model_copy(update={"reason": _beside(own_core(old, new)) or _MACHINE})
    return changed


_HOW: dict[str, Callable[[Figure, Change, Pair, float], MetricChange]] = {
    "exact": _number,
    "counted": _number,
    "share": _number,
    "interval": _number,
    "latency": _latency,
    "accuracy": _accuracy,
}
"""By how exactly a figure is known (`figures.Certainty`)."""


def _size(cell: CellSnapshot) -> int | None:
    """Of the file, in bytes."""
    found = known(cell, SIZE)
    return None if found is None else int(found.value)


def _beside(own: float | None) -> str:
    """What is said of the one cell whose core was shared, or was free again, while it ran."""
    if own is None or abs(own - 1) <= 2 * UNCORRECTED:
        return ""
    return f"arithmetic beside this cell took {own - 1:+.0%}: its core was shared in one of the runs"


_MACHINE = "the machine itself changed: see the note on it"
"""What is said of every cell on a device is said of the device, once (`Shift.doubt`)."""


def untimed(cell: CellSnapshot) -> bool:
    """Does its verdict say that the latency is neither to be compared nor to be held to a limit, whatever it is?"""
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
