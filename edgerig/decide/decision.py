"""What should ship: of each model on each device the variant to recommend under a budget, the next best, and why. Pure.

The rule, which the reports state as well:

1. Ruled out is what did not run, computes something else on the device (`wrong`), was never timed without other
   processes taking part (`contended`: its latency is not known), or breaks a limit of the budget.
   Good enough is what loses no more accuracy than the budget allows; where no variant has an accuracy, what agrees with
   the float network as often as the budget asks.
2. On a real device the lowest median latency wins. Variants whose median is not told apart from it (their 95 %
   intervals overlap, or they are within `SAME_TIME`) are as fast; of those the better measured wins, then the smaller.
   Where the budget ranks by the sustained latency, that of the last minute of work wins instead.
3. On an emulated device no latency counts: the fewest instructions win, within `SAME_COUNT` of them the smaller file,
   and where none were counted the smallest file. Neither is a time, so such a choice is always provisional.

What the data cannot answer (neither accuracy nor agreement, an emulated device, a noisy median, an interval that
reaches across a limit of the budget, a variant that was contended, or was not kept at work where that ranks, and may be
faster) is said, and makes a recommendation provisional.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgerig.decide import doubts
from edgerig.decide.budget import agreement_asked, points
from edgerig.decide.limits import within as within_limits
from edgerig.decide.rules import Reference, Rules, at_work, left_open, ruled_out, rules_for, sound, timed
from edgerig.decide.tradeoff import Basis, tradeoff
from edgerig.figures import metric
from edgerig.figures.verdict import kind_of
from edgerig.results import Accuracy, CellResult, Results, order, wording
from edgerig.results.median import latency_label, median_interval
from edgerig.spec import SweepBudget

SAME_TIME = 0.02
"""Medians this close are as fast: the tolerance a stable median is known to (`measure.latency.MEDIAN_TOLERANCE`)."""
SAME_COUNT = 0.1
"""Counts this close say nothing of which is faster: "The number of instructions executed often has
little or no correlation with actual performance" (QEMU's manual, -icount). The counts themselves repeat to 0.001 %."""

State = Literal["recommended", "provisional", "none"]


@dataclass(frozen=True)
class Decision:
    """`pick` and `runner_up` are None where there is none. Each text is one sentence, or empty."""

    device: str
    model: str
    emulated: bool
    state: State
    why: str
    pick: CellResult | None = None
    runner_up: CellResult | None = None
    tradeoff: str = ""
    """The runner-up against the pick, in figures."""
    cautions: tuple[str, ...] = ()
    ruled_out: str = ""
    """How many variants are out for which reason."""
    several_sources: bool = False
    basis: Basis = "latency"
    tied: frozenset[str] = frozenset()
    """Ids of the cells that are not told apart from the cheapest, the pick among them."""

    def name(self, cell: CellResult) -> str:
        return wording.variant(cell, with_source=self.several_sources)


def decisions(results: Results, budget: SweepBudget) -> list[Decision]:
    """One for every model on every device, in order."""
    return [decide(cells, budget, held_to) for cells, held_to in compared(results)]


def compared(results: Results) -> list[tuple[list[CellResult], Reference | None]]:
    """The cells of each model on each device, in order, and what their accuracy is held against."""
    cells = order.ordered(results)
    anywhere = {model: _best_accuracy(_fp32(own)) for model, own in order.by_model(cells).items()}
    return [
        (own, _reference(own, anywhere[model]))
        for on_device in order.by_device(results).values()
        for model, own in order.by_model(on_device).items()
    ]


def _reference(cells: Sequence[CellResult], elsewhere: Accuracy | None) -> Reference | None:
    """The best fp32 accuracy among `cells` (one model, one device), else the same model's on any device
    (`elsewhere`), else the best accuracy among `cells`; None where no accuracy is known."""
    for found, words in (
        (_best_accuracy(_fp32(cells)), "fp32's {}"),
        (elsewhere, "fp32's {} on another device"),
        (_best_accuracy(cells), "the best, {} (no fp32 was measured)"),
    ):
        if found is not None:
            return Reference(found, words)
    return None


def _fp32(cells: Sequence[CellResult]) -> list[CellResult]:
    return [cell for cell in cells if cell.recipe == "fp32"]


def _best_accuracy(cells: Sequence[CellResult]) -> Accuracy | None:
    known = [cell.accuracy for cell in cells if sound(cell) and cell.accuracy.value is not None]
    return max(known, key=metric.goodness, default=None)


def decide(cells: Sequence[CellResult], budget: SweepBudget, held_to: Reference | None) -> Decision:
    """The decision among `cells`, at least one, all of one model on one device."""
    first = cells[0]
    plain = Decision(
        first.device,
        first.model,
        first.emulated,
        "none",
        "",
        several_sources=len({cell.source for cell in cells}) > 1,
    )
    rules = rules_for(cells, budget, held_to)
    out = {cell.id: reason for cell in cells if (reason := ruled_out(cell, rules))}
    kept = [cell for cell in cells if cell.id not in out]
    plain = replace(plain, ruled_out=_counted(out))
    if not kept:
        return replace(plain, why=f"No variant can be recommended: {plain.ruled_out}.")
    basis = _basis(kept, budget)
    pick, tied = _best(kept, basis)
    others = [cell for cell in kept if cell.id != pick.id]
    second = _best(others, basis)[0] if others else None
    open_ = (*doubts.unanswered(pick, basis, rules), *left_open(out), *doubts.not_at_work(kept, basis))
    return replace(
        plain,
        state="provisional" if open_ else "recommended",
        why=_why(pick, len(tied), len(kept), basis, rules) + _gain(plain, pick, _baseline(cells, basis), basis),
        pick=pick,
        runner_up=second,
        basis=basis,
        tied=frozenset(cell.id for cell in tied),
        tradeoff="" if second is None else tradeoff(pick, second, basis, same=second.id in {c.id for c in tied}),
        cautions=(
            *open_,
            *doubts.by_agreement(pick, out.values(), rules),
            *doubts.cautions(pick, kept, rules.budget),
            *doubts.when_warm(pick, kept, basis),
            *doubts.between_blocks(pick, second, kept),
        ),
    )


def _counted(out: dict[str, str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in Counter(out.values()).most_common())


def _basis(kept: Sequence[CellResult], budget: SweepBudget) -> Basis:
    if not kept[0].emulated:
        kept_at_work = any(at_work(cell) is not None for cell in kept)
        return "sustained" if budget.rank == "sustained" and kept_at_work else "latency"
    return "instructions" if any(cell.cost.instructions is not None for cell in kept) else "size"


def _best(kept: Sequence[CellResult], basis: Basis) -> tuple[CellResult, list[CellResult]]:
    """The best of `kept`, and all that its basis does not tell apart from the first."""
    cost = _COSTS[basis]
    lowest = min(kept, key=lambda cell: (cost(cell), cell.id))
    tied = [cell for cell in kept if same(lowest, cell, basis)]
    known = _measured if basis == "latency" else lambda cell: 0
    return min(tied, key=lambda cell: (known(cell), cell.size_bytes or 0, cost(cell), cell.id)), tied


_COSTS: dict[Basis, Callable[[CellResult], float]] = {
    "latency": lambda cell: float("inf") if cell.latency is None else cell.latency.p50_ms,
    "sustained": lambda cell: float("inf") if (warm := at_work(cell)) is None else warm,
    "instructions": lambda cell: float("inf") if cell.cost.instructions is None else cell.cost.instructions,
    "size": lambda cell: float("inf") if cell.size_bytes is None else cell.size_bytes,
}


def _measured(cell: CellResult) -> int:
    """The better measured first: a fallback's latency is its true one, a throttled or noisy one's is not known."""
    return kind_of(latency_label(cell)).rank


def same(one: CellResult, other: CellResult, basis: Basis) -> bool:
    """Whether the basis does not tell the two apart; neither lacks what it goes by."""
    cost = _COSTS[basis]
    lower, upper = sorted((one, other), key=cost)
    if basis == "size":
        return cost(lower) == cost(upper)
    if basis == "instructions":
        return cost(upper) <= cost(lower) * (1 + SAME_COUNT)
    if cost(upper) <= cost(lower) * (1 + SAME_TIME):
        return True
    if basis == "sustained":
        return False
    below, above = median_interval(lower), median_interval(upper)
    return below is not None and above is not None and above[0] <= below[1]


def _baseline(cells: Sequence[CellResult], basis: Basis) -> CellResult | None:
    """The cheapest fp32 variant that ran: what there is without any quantization."""
    ran = [cell for cell in _fp32(cells) if sound(cell) and timed(cell)]
    return min(ran, key=lambda cell: (_COSTS[basis](cell), cell.id), default=None)


def _why(pick: CellResult, tied: int, kept: int, basis: Basis, rules: Rules) -> str:
    """The first half of the sentence: what it is best at, and among how many."""
    limits = []
    if rules.held_to is not None:
        limits.append(f"within {points(rules.budget)} of {rules.held_to}")
    if rules.by_agreement:
        limits.append(f"with {agreement_asked(rules.budget)}")
    limits += [text for text in (within_limits(rules.budget, pick.emulated),) if text]
    within = f" {' and '.join(limits)}" if limits else ""
    best = _ALIKE[basis].format(tied) if tied > 1 else _BEST[basis]
    return f"The only variant{within}" if kept == 1 else f"{best} of {kept:,} variants{within}"


def _gain(plain: Decision, pick: CellResult, baseline: CellResult | None, basis: Basis) -> str:
    """The other half: what it brings over the best fp32 variant."""
    if baseline is None:
        return f": {wording.described(pick)}."
    if baseline.id == pick.id:
        return f": {wording.described(pick)}; no quantized one is better."
    gain = tradeoff(baseline, pick, basis, same=same(baseline, pick, basis))
    return f"; against the best fp32, {plain.name(baseline)}: {gain}."


_BEST: dict[Basis, str] = {
    "latency": "Fastest",
    "sustained": "Fastest in the last minute of being kept at work",
    "instructions": "Fewest instructions (an emulator's time is not ranked)",
    "size": "Smallest (an emulator's time is not ranked, and no instructions were counted)",
}
_ALIKE: dict[Basis, str] = {
    "latency": "Best measured, then smallest, of the {} that are not told apart from the fastest",
    "sustained": "Smallest of the {} that are not told apart from the fastest when kept at work",
    "instructions": "Smallest of the {} within 10 % of the fewest instructions (an emulator's time is not ranked)",
    "size": _BEST["size"],
}
