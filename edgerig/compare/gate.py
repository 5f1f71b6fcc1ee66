"""A run against a baseline and a budget → checks: passed, failed, inconclusive, or left out with a reason. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from edgerig import figures
from edgerig.compare.comparison import CellChange, Comparison
from edgerig.compare.figure_change import untimed
from edgerig.compare.known import Known, known
from edgerig.compare.snapshot import AccuracySnapshot, CellSnapshot, Snapshot
from edgerig.compare.wording import change_text, machine_lines
from edgerig.figures.figure import Figure
from edgerig.figures.metric import OF
from edgerig.figures.numbers import duration
from edgerig.figures.verdict import kind_of
from edgerig.results import Value
from edgerig.spec.budget import Budget

Outcome = Literal["pass", "fail", "inconclusive", "left out"]
OUTCOMES: tuple[Outcome, ...] = ("fail", "inconclusive", "pass", "left out")
_STATUS_OF: dict[str, Outcome] = {
    "regressed": "fail",
    "inconclusive": "inconclusive",
    "improved": "pass",
    "same": "pass",
    "not compared": "left out",
}


class Check(Value):
    """One thing a cell was held to: `name` is `outcome`, a metric's, or `limit.<key>`; `message` is what was found."""

    cell: str
    name: str
    outcome: Outcome
    message: str


class GateResult(Value):
    """`outcome` follows the budget's rule for what is inconclusive; `rule` is that rule. `machines` says what concerns
    all latencies of a device."""

    run: str
    base: str | None
    rule: Literal["fail", "pass"]
    outcome: Literal["pass", "fail", "inconclusive"]
    checks: tuple[Check, ...]
    machines: tuple[str, ...] = ()

    def counts(self) -> dict[Outcome, int]:
        found = Counter(check.outcome for check in self.checks)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}

    def of(self, outcome: Outcome) -> list[Check]:
        return [check for check in self.checks if check.outcome == outcome]


def judge_run(new: Snapshot, comparison: Comparison | None, budget: Budget) -> GateResult:
    """Holds `new` to the budget's limits and, where there is a `comparison` with a baseline, to that."""
    checks = (*_compared(new, comparison), *_limited(new, budget), *_unmatched(new, budget))
    failed = any(check.outcome == "fail" for check in checks)
    open_ = any(check.outcome == "inconclusive" for check in checks)
    decided = any(check.outcome != "left out" for check in checks)
    outcome: Literal["pass", "fail", "inconclusive"] = "pass"
    if failed:
        outcome = "fail"
    elif not decided or (open_ and budget.inconclusive == "fail"):
        outcome = "inconclusive"
    return GateResult(
        run=new.run,
        base=None if comparison is None else comparison.base,
        rule=budget.inconclusive,
        outcome=outcome,
        checks=checks,
        machines=() if comparison is None else tuple(machine_lines(comparison)),
    )


def _compared(new: Snapshot, comparison: Comparison | None) -> Iterator[Check]:
    if comparison is None:
        for name, cell in new.cells.items():
            yield _ran(name, cell)
        return
    for change in comparison.cells:
        here = new.cells.get(change.id)
        yield _outcome(change, here)
        for metric in change.metrics:
            yield Check(
                cell=change.id, name=metric.metric, outcome=_STATUS_OF[metric.label], message=change_text(metric)
            )


def _ran(name: str, cell: CellSnapshot) -> Check:
    """A cell that no baseline knows."""
    if cell.status == "ok" and not kind_of(cell.verdict).sound:
        message = f"the verdict is {cell.verdict}: on the device it computes something else than when it was built"
        return Check(cell=name, name="outcome", outcome="fail", message=message)
    if cell.status == "ok":
        return Check(cell=name, name="outcome", outcome="pass", message="ok")
    why = cell.reasons.get("status", "")
    outcome: Outcome = "left out" if cell.status == "unsupported" else "fail"
    return Check(cell=name, name="outcome", outcome=outcome, message=f"{cell.status}{': ' + why if why else ''}")


def _outcome(change: CellChange, here: CellSnapshot | None) -> Check:
    if here is None:
        gone = change.base_status == "ok"
        message = f"{change.base_status} in the baseline, missing in this run"
        return Check(cell=change.id, name="outcome", outcome="fail" if gone else "left out", message=message)
    if change.base_status is None or here.status == "ok":
        return _ran(change.id, here)
    if change.base_status == "ok":
        return Check(cell=change.id, name="outcome", outcome="fail", message=change.reason)
    return Check(cell=change.id, name="outcome", outcome="left out", message=f"not ok before either: {change.reason}")


def _limited(new: Snapshot, budget: Budget) -> Iterator[Check]:
    for name, cell in new.cells.items():
        limits = budget.limits(name)
        for key, limit in (
            limits.given() | {f"{_METRICS}{key}": limit for key, limit in limits.metrics.items()}
        ).items():
            if cell.status == "unsupported":
                continue
            if cell.status == "ok":
                outcome, message = _held(cell, key, limit)
            else:
                outcome, message = "inconclusive", f"the cell is {cell.status}: there is nothing to hold to it"
            yield Check(cell=name, name=f"limit.{key}", outcome=outcome, message=message)


_METRICS = "metrics."
"""Before a metric's key, in the name of its limit."""


def _held(cell: CellSnapshot, key: str, limit: float) -> tuple[Outcome, str]:
    """One limit of one cell. `key` is that of a figure's `Limit`, or a metric's."""
    if key.startswith(_METRICS):
        return _metric_held(cell, key.removeprefix(_METRICS), limit)
    figure, _ = figures.limited()[key]
    if figure.certainty.known == "latency":
        return _latency_held(cell, key.removeprefix("latency_"), limit)
    if figure.certainty.known == "accuracy":
        return _accuracy_held(cell, limit)
    found = known(cell, figure)
    if found is None:
        return "inconclusive", f"not measured: {cell.reasons.get(figure.key, 'no reason recorded')}"
    interval = None if found.low is None or found.high is None else (found.low, found.high)
    if figure.better == "higher":
        return _at_least(found.value, interval, limit)
    return _number_held(figure, found, interval, cell.remarks.get(figure.key, ""), limit)


def _number_held(
    figure: Figure, found: Known, interval: tuple[float, float] | None, remark: str, limit: float
) -> tuple[Outcome, str]:
    """A cost, by what it may as well be."""
    shown = f"{found.value:,.6g}{f' ({remark})' if remark else ''}"
    asked = f"at most {limit:,.6g} is allowed"
    if interval is None:
        return "inconclusive", f"{shown}, known without an interval; {asked}"
    low, high = interval
    if figure.certainty.known == "counted" and high > found.value:
        shown += f" ± {high - found.value:,}"
    elif low < high and figure.certainty.known != "counted":
        shown += f" [{low:.4g}, {high:.4g}]"
    return _at_most(low, high, limit), f"{shown}, {asked}"


def _at_most(low: float, high: float, limit: float) -> Outcome:
    if low > limit:
        return "fail"
    return "pass" if high <= limit else "inconclusive"


def _at_least(value: float, interval: tuple[float, float] | None, limit: float) -> tuple[Outcome, str]:
    """A share of the samples, or another figure known from them, held to a floor by its 95 % interval: other samples of
    the same kind would give another."""
    asked = f"at least {limit:g} is asked for"
    if interval is None:
        return "inconclusive", f"{value:.6g}, known without an interval; {asked}"
    low, high = interval
    outcome = _at_most(-high, -low, -limit)
    return outcome, f"{value:.6g} [{low:.4g}, {high:.4g}], {asked}"


def _accuracy_held(cell: CellSnapshot, limit: float) -> tuple[Outcome, str]:
    found = cell.accuracy
    if found is None:
        return "inconclusive", f"not measured: {cell.reasons.get('accuracy', 'no reason recorded')}"
    if not found.higher_is_better:
        return "inconclusive", f"{found.metric} is the better the lower: a floor says nothing of it"
    if found.unit != "fraction":
        return "inconclusive", f"{found.metric} is no share of right answers to hold to a floor"
    return _at_least(found.value, found.ci95, limit)


def _metric_held(cell: CellSnapshot, key: str, limit: float) -> tuple[Outcome, str]:
    """A metric by its key, in its own unit: at least that where more is better, else at most."""
    found = cell.metrics.get(key)
    if found is None and cell.accuracy is not None and cell.accuracy.metric == key:
        found = cell.accuracy
    if found is None:
        return "inconclusive", f"not measured: {cell.reasons.get(f'{OF}{key}') or 'the model has no such metric'}"
    return _at_least(found.value, found.ci95, limit) if found.higher_is_better else _below(found, limit)


def _below(found: AccuracySnapshot, limit: float) -> tuple[Outcome, str]:
    asked = f"at most {limit:g} is allowed"
    if found.ci95 is None:
        return "inconclusive", f"{found.value:.6g}, known without an interval; {asked}"
    low, high = found.ci95
    return _at_most(low, high, limit), f"{found.value:.6g} [{low:.4g}, {high:.4g}], {asked}"


def _latency_held(cell: CellSnapshot, percentile: str, limit: float) -> tuple[Outcome, str]:
    """By the median's interval; the other percentiles' are taken to be as wide, relative to them."""
    if cell.emulated:
        return "left out", "emulated: its time says nothing of the device"
    if cell.latency is None:
        return "inconclusive", "not measured"
    value: float = getattr(cell.latency, percentile)
    interval = cell.latency.interval
    message = f"{duration(value, 4)} ± {interval.half_width:.1%}, at most {duration(limit, 4)} is allowed"
    if untimed(cell):
        return "inconclusive", f"the cell is {cell.verdict}: {message}"
    scale = value / math.sqrt(interval.low_ms * interval.high_ms)  # 1 for the median itself, or nearly
    return _at_most(interval.low_ms * scale, interval.high_ms * scale, limit), message


def _unmatched(new: Snapshot, budget: Budget) -> Iterator[Check]:
    """A block that holds for no cell is most likely a glob with a slip in it, which must not pass as a promise kept."""
    for block in budget.cells:
        if not any(block.holds_for(name) for name in new.cells):
            message = f'the budget\'s match = "{block.match}" holds for no cell of this run'
            yield Check(cell=block.match, name="budget", outcome="inconclusive", message=message)
