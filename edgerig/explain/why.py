"""Which rows surprise, and what explains each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgerig.explain import kinds
from edgerig.explain.causes import CAUSES
from edgerig.explain.evidence import Evidence, comparable, cost, gathered, left, ratio, unit
from edgerig.explain.reason import Reason, amount
from edgerig.figures import numbers
from edgerig.results import CellResult, Results, wording

LITTLE = 0.8
"""An integer network that takes more than this of the float one's time has gained less than people expect: published
gains are 0.36 to 0.6 (XNNPACK's README, Raspberry Pi and Pixel)."""
SCALES = 0.9
"""Of the time on fewer threads: more has gained nothing."""
APART = 1.5
"""How many times as long another runtime may take with the same network before it surprises."""


@dataclass(frozen=True)
class Why:
    """A row that surprises: `surprise` is a sentence with its figures, `reasons` what explains it, the heaviest first.
    `open` is said where nothing does, or says what would have to be measured; "" where something explains it."""

    cell: CellResult
    kind: str
    surprise: str
    reasons: tuple[Reason, ...]
    open: str = ""
    beside: tuple[CellResult, ...] = ()
    """What it is held against."""


def explained(results: Results) -> list[Why]:
    """Every row that surprises, in the run's order."""
    evidence = gathered(results)
    found = [why for each in evidence for why in (_against_float(each), _fallback(each), _threads(each)) if why]
    return [*found, *_runtimes(evidence)]


def gains(results: Results) -> dict[str, str]:
    """Cell → what makes it faster than its float twin, where it is and both were profiled."""
    found = {}
    for each in gathered(results):
        gained = None if each.twin is None or not each.both_profiled else ratio(each.cell, each.twin)
        if each.twin is not None and gained is not None and gained < 1:
            found[each.cell.id] = f"against its fp32: {_difference(each.cell, each.twin)}"
    return found


def _against_float(evidence: Evidence) -> Why | None:
    cell, twin = evidence.cell, evidence.twin
    found = None if twin is None else ratio(cell, twin)
    if twin is None or found is None:
        return None
    if found > 1:
        kind, what = "slower", f"{numbers.significant(found)} times fp32's"
    elif cell.recipe == "fp16" and found > LITTLE:
        kind, what = "not faster", "no less than fp32's" if found == 1 else f"{numbers.percent(found)} of fp32's"
    elif cell.recipe.startswith("int8-static") and found > LITTLE:
        kind, what = "little gained", "no less than fp32's" if found == 1 else f"{numbers.percent(found)} of fp32's"
    else:
        return None
    said = f"{wording.variant(cell)} takes {_amount(cell)}, {what} {_amount(twin)}"
    difference = _difference(cell, twin) if evidence.both_profiled and found > 1 else ""
    return _why(evidence, kind, said, difference, (twin,))


def _fallback(evidence: Evidence) -> Why | None:
    """Of a float network: what its delegate does not take. Of a quantized one `_against_float` tells."""
    cell = evidence.cell
    if evidence.twin is not None or not cell.delegation.undelegated:
        return None
    of = f" of {cell.delegation.total}" if cell.delegation.total else ""
    said = f"{wording.variant(cell)}: the delegate leaves {numbers.counted(left(cell), 'operator')}{of} to the runtime"
    return _why(evidence, "fallback", said)


def _threads(evidence: Evidence) -> Why | None:
    cell, fewer = evidence.cell, evidence.fewer
    found = None if fewer is None else ratio(cell, fewer)
    if fewer is None or found is None or found <= SCALES or cell.emulated:
        return None
    said = (
        f"{wording.variant(cell)} takes {_amount(cell)}, on {numbers.counted(fewer.threads, 'thread')} {_amount(fewer)}"
    )
    return _why(evidence, "threads", said, "", (fewer,))


def _why(
    evidence: Evidence, kind: str, surprise: str, difference: str = "", beside: tuple[CellResult, ...] = ()
) -> Why:
    reasons = [found for cause in CAUSES if (found := cause(evidence)) is not None]
    if difference:
        reasons.append(Reason("operators", f"the difference, fp32 → {evidence.cell.recipe}: {difference}", share=0.0))
    ordered = tuple(sorted(reasons, key=lambda each: -1.0 if each.share is None else -each.share))
    return Why(evidence.cell, kind, surprise, ordered, "" if ordered else _open(evidence), beside)


def _open(evidence: Evidence) -> str:
    """What was looked at in vain, or what is missing to look at."""
    cell, profile = evidence.cell, evidence.profile
    if not profile.operators:
        return f"nothing recorded explains it; {profile.reason or 'it was not profiled'}: edgerig profile {cell.id}"
    outside = (
        ""
        if not profile.whole or profile.outside is None
        else (f", {numbers.percent(profile.outside / profile.whole)} lie outside of them")
    )
    beside = sum(each.fallback for each in profile.operators)
    return f"nothing here explains it: of {len(profile.operators)} operators {beside} run beside the delegate{outside}"


def _difference(cell: CellResult, other: CellResult) -> str:
    ours, theirs = cell.profile, other.profile
    whole = (ours.sum or 0.0) + (ours.outside or 0.0) - (theirs.sum or 0.0) - (theirs.outside or 0.0)
    return kinds.worded(kinds.changes(ours, theirs), ours.unit, whole)


def _amount(cell: CellResult) -> str:
    return amount(cost(cell) or 0.0, unit(cell))


def _runtimes(evidence: Sequence[Evidence]) -> list[Why]:
    """Of each network in each recipe and place, the slowest runtime against the fastest, where they are far apart."""
    together: dict[tuple[str, ...], list[Evidence]] = {}
    for each in evidence:
        cell = each.cell
        place = cell.id.partition("@")[2]
        together.setdefault((cell.model, cell.source, cell.recipe, place), []).append(each)
    return [why for group in together.values() if (why := _runtime(group)) is not None]


def _runtime(group: Iterable[Evidence]) -> Why | None:
    known = sorted((each for each in group if cost(each.cell)), key=lambda each: cost(each.cell) or 0.0)
    if len(known) < 2:
        return None
    fastest, slowest = known[0], known[-1]
    found = ratio(slowest.cell, fastest.cell)
    if found is None or found < APART:
        return None
    said = (
        f"{wording.variant(slowest.cell)} takes {_amount(slowest.cell)}, {numbers.significant(found)} times "
        f"{wording.variant(fastest.cell)}'s {_amount(fastest.cell)}"
    )
    if not comparable(slowest.cell.profile, fastest.cell.profile):
        missing = " and ".join(each.cell.id for each in (slowest, fastest) if not each.profile.operators)
        missing = f"not known why: edgerig profile {missing or slowest.cell.id}"
        return Why(slowest.cell, "runtime", said, (), missing, (fastest.cell,))
    text = f"{fastest.cell.format} → {slowest.cell.format}: {_difference(slowest.cell, fastest.cell)}"
    return Why(slowest.cell, "runtime", said, (Reason("operators", text),), beside=(fastest.cell,))
