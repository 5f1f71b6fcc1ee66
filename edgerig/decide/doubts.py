"""What the data behind a choice leaves open, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgerig.decide.budget import points
from edgerig.decide.rules import DISAGREEING, Reference, Rules, at_work
from edgerig.decide.tradeoff import Basis
from edgerig.figures import metric, numbers
from edgerig.figures.parity import worst_output
from edgerig.figures.verdict import kind_of
from edgerig.measure.error import FAR
from edgerig.measure.latency import MEDIAN_TOLERANCE
from edgerig.measure.metrics import share
from edgerig.results import CellResult, wording
from edgerig.results.median import half_width, latency_label, median_interval
from edgerig.spec import SweepBudget


def unanswered(pick: CellResult, basis: Basis, rules: Rules) -> tuple[str, ...]:
    """What the budget asks and the data does not answer: not at all, or with an interval that holds both answers."""
    found = []
    limit = rules.budget.of("latency_p50_ms")
    if rules.held_to is None and not rules.by_agreement:
        found.append(f"{_no_accuracy(pick)}{_known_error(pick)}")
    if rules.held_to is not None:
        found += _open_accuracy(pick, rules.held_to, rules.budget)
    if rules.by_agreement:
        found += _open_agreement(pick, rules.budget)
    if rules.budget.rank == "sustained" and basis == "latency":
        why = "other processes took part in it" if pick.sustained.contended else pick.sustained.reason
        found.append(f"how fast it is when kept at work was not measured: {why}")
    if pick.sustained.contended and (at_most := rules.budget.of("sustained_p50_ms")) is not None:
        asked = f"whether it stays within {numbers.duration(at_most)} when kept at work"
        found.append(f"{asked} is open: other processes took part in it")
    if basis in _NO_TIME:
        found.append(_NO_TIME[basis])
        if limit is not None:
            found.append(f"whether it stays within {numbers.duration(limit)} only a real device can tell")
    interval = median_interval(pick)
    if basis == "latency" and limit is not None and interval is not None and interval[1] > limit:
        found.append(f"its median may be up to {numbers.duration(interval[1])}, above the limit")
    if basis == "sustained":
        return tuple(found)
    if pick.verdict is not None and kind_of(label := latency_label(pick)).doubt == "provisional":
        remark = pick.verdict.advice if label == pick.verdict.label else _known_to(pick)
        found.append(f"its latency is {label}: {remark}")
    return tuple(found)


_NO_TIME: dict[Basis, str] = {
    "instructions": "chosen by instructions, which are not time: only a real device tells which variant is faster",
    "size": "chosen by size alone: only a real device tells which variant is faster",
}


def _open_accuracy(pick: CellResult, held_to: Reference, budget: SweepBudget) -> list[str]:
    """By the paired interval alone, of what the variant lost against its own fp32 variant (`measure/delta.py`), moved
    by what that one lacks to the best one's: two accuracies of the same samples are far nearer than their own intervals
    say, which `_unsure_accuracy` tells of."""
    lost = metric.lost_points(pick.accuracy, held_to.accuracy)
    if lost is None or pick.accuracy.delta is None or pick.accuracy.delta_ci95 is None:
        return []
    low, high = (lost + 100 * (pick.accuracy.delta - end) for end in reversed(pick.accuracy.delta_ci95))
    if high <= 100 * budget.accuracy_drop + 1e-9:
        return []
    found = f"it lost {numbers.significant(lost, 2)} points of {held_to}, 95 % interval {low:.2g} to {high:.2g}"
    samples = numbers.counted(pick.accuracy.samples, "sample")
    return [f"whether it loses at most {points(budget)} is open: {found} ({samples})"]


def _open_agreement(pick: CellResult, budget: SweepBudget) -> list[str]:
    """By Wilson's interval of the share of samples."""
    agreement, samples = pick.parity.agreement, pick.parity.samples
    if agreement is None or not samples or budget.agreement is None:
        return []
    _, interval = share(round(agreement * samples), samples)
    low = 0.0 if interval is None else interval[0]
    if low >= budget.agreement - 1e-9:
        return []
    return [
        f"whether it agrees in at least {100 * budget.agreement:.4g} % is open: of other samples it may be "
        f"{100 * low:.3g} % ({numbers.counted(samples, 'sample')})"
    ]


def _no_accuracy(pick: CellResult) -> str:
    return f"accuracy was not measured ({pick.accuracy.reason or 'no reason was recorded'})"


def _known_error(pick: CellResult) -> str:
    error = pick.parity.relative_error
    if error is None:
        return ""
    which = worst_output(pick)
    subject = f"its {which} differs from the source's" if which else "its outputs differ from the source's"
    far = ", which is far: hold what it decides against labels before it ships" if error >= FAR else ""
    return f"; {subject} by {numbers.significant(error, 2)} (relative error){far}"


def by_agreement(pick: CellResult, out: Iterable[str], rules: Rules) -> tuple[str, ...]:
    """How good it is by agreement, and when that may be no measure: nothing tells classes' scores from other reals."""
    if not rules.by_agreement or pick.parity.agreement is None:
        return ()
    share = f"{numbers.significant(100 * pick.parity.agreement)} % of {numbers.counted(pick.parity.samples, 'sample')}"
    remark = f"{_no_accuracy(pick)}; it agrees with the float network in {share}{_known_error(pick)}"
    if not any(reason.startswith(DISAGREEING) for reason in out):
        return (remark,)
    return (remark, "if the outputs are no classes, their largest says nothing: budget.agreement = 0 leaves it out")


def cautions(pick: CellResult, kept: Sequence[CellResult], budget: SweepBudget) -> tuple[str, ...]:
    found = []
    if pick.weights:
        found.append("its weights are random: what a recipe costs in accuracy only the trained ones tell")
    if pick.verdict is not None and kind_of(pick.verdict.label).doubt == "caution":
        found.append(pick.verdict.advice)
    contention = None if pick.latency is None or pick.emulated else pick.latency.contention
    if contention is not None and contention.counted == "undisturbed":
        found.append(f"its latency is that of the samples nothing disturbed: {contention.found}")
    if unsure := _unsure_accuracy(kept, budget):
        found.append(unsure)
    return tuple(found)


def not_at_work(kept: Sequence[CellResult], basis: Basis) -> tuple[str, ...]:
    """Of a choice by the last minute of work: how many have none to be held against it."""
    if basis != "sustained":
        return ()
    counts = {
        "not measured at work": sum(cell.sustained.last_ms is None for cell in kept),
        "contended while kept at work, not ranked": sum(cell.sustained.contended for cell in kept),
    }
    return tuple(f"{numbers.counted(count, 'variant')} may be faster: {why}" for why, count in counts.items() if count)


def when_warm(pick: CellResult, kept: Sequence[CellResult], basis: Basis) -> tuple[str, ...]:
    """Of a choice by the latency of a device that is fresh: whether another one is faster after minutes."""
    ours = at_work(pick)
    if basis != "latency" or ours is None:
        return ()
    known = [(warm, cell) for cell in kept if (warm := at_work(cell)) is not None]
    least, best = min(known, key=lambda pair: (pair[0], pair[1].id))
    if least * (1 + MEDIAN_TOLERANCE) >= ours:
        return ()
    words = f"kept at work it takes {numbers.duration(ours)}, {wording.variant(best)} {numbers.duration(least)}"
    return (f'{words}: rank = "sustained" in [budget] chooses by that',)


def between_blocks(pick: CellResult, second: CellResult | None, kept: Sequence[CellResult]) -> tuple[str, ...]:
    """Cells of one block are near in time; of two blocks what the device did between them is in the difference."""
    if second is None or pick.order is None or second.order is None or pick.order.block == second.order.block:
        return ()
    changes = [cell.order.change for cell in kept if cell.order is not None and cell.order.shows and cell.order.change]
    if not changes:
        return ()
    most = max(changes, key=abs)
    return (
        f"the runner-up was timed in another block, and the reference cell changed by up to {100 * abs(most):.2g} % "
        "meanwhile: compare within blocks",
    )


def _unsure_accuracy(kept: Sequence[CellResult], budget: SweepBudget) -> str:
    """What to say when the accuracies are known less exactly than the drop they are held to."""
    widths = [
        ((accuracy.ci95[1] - accuracy.ci95[0]) * 50, accuracy.samples)
        for accuracy in (cell.accuracy for cell in kept)
        if accuracy.ci95 is not None and metric.is_share(accuracy)
    ]
    widest = max(widths, default=(0.0, 0))
    if widest[0] <= 100 * budget.accuracy_drop:
        return ""
    return (
        f"accuracy is known to about ±{numbers.significant(widest[0], 2)} points only "
        f"({numbers.counted(widest[1], 'sample')}), the budget allows {points(budget)}"
    )


def _known_to(cell: CellResult) -> str:
    """Of a noisy one, whose verdict's advice is of something else first."""
    half = half_width(cell)
    return "too few samples to know the median by" if half is None else f"the median is known to ±{half:.1%} only"
