"""What rules a variant out: the budget, held against what was measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.decide.budget import points
from edgerig.decide.limits import COSTS, QUALITIES, beyond
from edgerig.figures import metric, numbers
from edgerig.figures.verdict import VERDICTS, kind_of
from edgerig.results import Accuracy, CellResult
from edgerig.spec import SweepBudget

DISAGREEING = "agreeing with the float network"


@dataclass(frozen=True)
class Reference:
    """What accuracy is held against; `words` names it, `{}` standing for its value."""

    accuracy: Accuracy
    words: str

    def __str__(self) -> str:
        value = numbers.significant(metric.shown(self.accuracy, self.accuracy.value or 0.0))
        return self.words.format(value + metric.suffix(self.accuracy))


@dataclass(frozen=True)
class Rules:
    """What the cells of one model on one device are held to. `held_to`: their accuracy, None where none is known;
    `by_agreement`: their agreement with the float network instead."""

    budget: SweepBudget
    held_to: Reference | None
    by_agreement: bool


def rules_for(cells: Sequence[CellResult], budget: SweepBudget, held_to: Reference | None) -> Rules:
    agreed = any(sound(cell) and cell.parity.agreement is not None for cell in cells)
    return Rules(budget, held_to, held_to is None and bool(budget.agreement) and agreed)


def sound(cell: CellResult) -> bool:
    return cell.status == "ok" and kind_of(_label(cell)).sound


def timed(cell: CellResult) -> bool:
    """Is its time its own, and not that of other processes as well? Theirs may make it many times as long."""
    return cell.emulated or kind_of(_label(cell)).ranked


def at_work(cell: CellResult) -> float | None:
    """Its time in the last minute of work in ms, where that is its own."""
    return None if cell.sustained.contended else cell.sustained.last_ms


def _label(cell: CellResult) -> str:
    return "" if cell.verdict is None else cell.verdict.label


def _unranked(label: str) -> str:
    return f"{label}, so that their latency is not known"


def left_open(out: dict[str, str]) -> tuple[str, ...]:
    """What contended variants, among those `out` by cell id, leave open about a recommendation by latency."""
    reasons = list(out.values())
    counts = {label: reasons.count(_unranked(label)) for label, kind in VERDICTS.items() if not kind.ranked}
    return tuple(
        f"{numbers.counted(count, 'variant')} may be faster: {label} while timed, not ranked"
        for label, count in counts.items()
        if count
    )


def ruled_out(cell: CellResult, rules: Rules) -> str:
    """Why the cell may not be recommended, worded to follow a number of variants; "" when it may."""
    if cell.status != "ok":
        return cell.status
    if not sound(cell):
        return "computing something else on the device"
    return (
        _not_good_enough(cell, rules)
        or _too_costly(cell, rules.budget)
        or ("" if timed(cell) else _unranked(_label(cell)))
    )


def _not_good_enough(cell: CellResult, rules: Rules) -> str:
    """By accuracy, where there is none by agreement, and by relative error where the budget limits it."""
    budget = rules.budget
    if rules.held_to is not None:
        lost = metric.lost_points(cell.accuracy, rules.held_to.accuracy)
        if lost is None:
            return "without an accuracy to compare"
        if lost > 100 * budget.accuracy_drop + 1e-9:  # 0.98 - 0.97 is a little more than 0.01
            return f"losing more than {points(budget)}"
    if rules.by_agreement and budget.agreement is not None:
        agreement = cell.parity.agreement
        if agreement is None:
            return "without an agreement to compare"
        if agreement < budget.agreement - 1e-9:
            return f"{DISAGREEING} in less than {100 * budget.agreement:.4g} % of the samples"
    return beyond(cell, budget, QUALITIES, timed=timed(cell))


def _too_costly(cell: CellResult, budget: SweepBudget) -> str:
    if not cell.emulated and cell.latency is None:
        return "not timed"
    return beyond(cell, budget, COSTS, timed=timed(cell))
