"""Which rows surprise, and what explains each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edgerig.explain import kinds
from edgerig.explain.causes import reasons
from edgerig.explain.causes.kernels import undelegated
from edgerig.explain.evidence import Evidence, comparable, cost, gathered, left, ratio, unit
from edgerig.explain.reason import Kind, Reason, amount
from edgerig.figures import numbers
from edgerig.measure.profile import NONE
from edgerig.results import CellResult, Profile, Results, wording

LITTLE = 0.8
"""An integer network that takes more than this of the float one's time has gained less than people expect: published
gains are 0.36 to 0.6 (XNNPACK's README, Raspberry Pi and Pixel)."""
SCALES = 0.9
"""Of the time on fewer threads: more has gained nothing."""
APART = 1.5
"""How many times as long another runtime may take with the same network before it surprises."""
SEEN = (0.5, 2.0)
"""A difference of profiles between these times the timed one is that one: they are taken apart, minutes from each
other."""


@dataclass(frozen=True)
class Why:
    """A row that surprises: `surprise` is a sentence with its figures, `reasons` what explains it, the heaviest first.
    `open` is said where nothing does, of what was looked at in vain or would have to be measured, and where profiles
    do not show what was timed; else ""."""

    cell: CellResult
    kind: Kind
    surprise: str
    reasons: tuple[Reason, ...]
    open: str = ""
    beside: tuple[CellResult, ...] = ()
    """What it is held against."""

    @property
    def times(self) -> float:
        """What the row costs over what it is held against; 0 where that is nothing."""
        return (ratio(self.cell, self.beside[0]) or 0.0) if self.beside else 0.0


def explained(results: Results) -> list[Why]:
    """Every row that surprises, in the run's order."""
    evidence = gathered(results)
    found = [why for each in evidence for why in (_against_float(each), _fallback(each), _threads(each)) if why]
    return [*found, *_runtimes(evidence)]


def gains(results: Results) -> dict[str, str]:
    """Cell → what makes it faster than its float twin, where it is and both were profiled."""
    found = {}
    for each in gathered(results):
        if each.twin is None:
            continue
        gained, difference = ratio(each.cell, each.twin), _difference(each.cell, each.twin)
        if gained is not None and gained < 1 and difference:
            found[each.cell.id] = f"against its fp32: {difference}"
    return found


def _against_float(evidence: Evidence) -> Why | None:
    cell, twin = evidence.cell, evidence.twin
    found = None if twin is None else ratio(cell, twin)
    if twin is None or found is None:
        return None
    kind = _kind(evidence.recipe_kind, found)
    if kind is None:
        return None
    what = f"{numbers.significant(found)} times" if found > 1 else f"{numbers.percent(found)} of"
    what = "no less than fp32's" if found == 1 else f"{what} fp32's"
    said = f"{wording.variant(cell)} takes {_amount(cell)}, {what} {_amount(twin)}"
    why = _why(evidence, kind, said, (twin,))
    if cell.profile.operators and not twin.profile.operators:
        missing = f"there is no profile of fp32 to hold it against: {_unprofiled(twin)}"
        return replace(why, open=_said(why.open, missing))
    return _with_difference(why, f"the difference, fp32 → {cell.recipe}") if found > 1 else why


def _kind(recipe: str, found: float) -> Kind | None:
    """Of a cell of a recipe of this kind that takes `found` times what its float twin takes."""
    if found > 1:
        return "slower"
    if found <= LITTLE:
        return None
    if recipe == "fp16":
        return "not faster"
    return "little gained" if recipe.startswith("int8-static") else None


def _fallback(evidence: Evidence) -> Why | None:
    """Of a float network: what its delegate does not take. Of a quantized one `_against_float` tells."""
    cell = evidence.cell
    if evidence.twin is not None or not (cell.delegation.undelegated or undelegated(cell)):
        return None
    if undelegated(cell):
        return _why(evidence, "fallback", f"{wording.variant(cell)}: no delegate has any of its operators")
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
    return _why(evidence, "threads", said, (fewer,))


def _why(evidence: Evidence, kind: Kind, surprise: str, beside: tuple[CellResult, ...] = ()) -> Why:
    found = reasons(evidence, kind)
    ordered = tuple(sorted(found, key=lambda each: -1.0 if each.share is None else -each.share))
    return Why(evidence.cell, kind, surprise, ordered, "" if ordered else _open(evidence), beside)


def _with_difference(why: Why, named: str) -> Why:
    """With what the row's operators and those of what it is held against differ by, or that these do not show it."""
    other = why.beside[0]
    if difference := _difference(why.cell, other):
        return replace(why, reasons=(*why.reasons, Reason("operators", f"{named}: {difference}", share=0.0)), open="")
    return replace(why, open=_said(why.open, _unseen(why.cell, other)))


def _said(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _open(evidence: Evidence) -> str:
    """What was looked at in vain, or what is missing to look at."""
    profile = evidence.profile
    if not profile.operators:
        return f"nothing recorded explains it; {_unprofiled(evidence.cell)}"
    outside = (
        ""
        if not profile.whole or profile.outside is None
        else (f", {numbers.percent(profile.outside / profile.whole)} lie outside of them")
    )
    count = numbers.counted(len(profile.operators), "operator")
    if profile.partitions is not None:
        count = f"of {count} {len(profile.fallbacks)} run beside the delegate"
    return f"nothing here explains it: {count}{outside}"


def _unprofiled(cell: CellResult) -> str:
    """Why a cell has no profile, and the command where that brings one."""
    if cell.profile.reason in ("", NONE.reason):
        return f"it was not profiled: edgerig profile {cell.id}"
    return cell.profile.reason


def _difference(cell: CellResult, other: CellResult) -> str:
    """What the operators of `cell` differ by; "" where their profiles do not show what was timed: the timed path and
    the profiled one are not the same."""
    ours, theirs = cell.profile, other.profile
    if not comparable(ours, theirs) or ours.unit != unit(cell) or _unseen(cell, other):
        return ""
    return kinds.worded(kinds.changes(ours, theirs), ours.unit, _profiled(ours) - _profiled(theirs))


def _unseen(cell: CellResult, other: CellResult) -> str:
    """In words, where both were profiled, that their profiles differ by something else than their costs do."""
    ours, theirs = cell.profile, other.profile
    if not comparable(ours, theirs) or ours.unit != unit(cell):
        return ""
    costs, profiled = (cost(cell) or 0.0) - (cost(other) or 0.0), _profiled(ours) - _profiled(theirs)
    least, most = SEEN
    if costs and least <= profiled / costs <= most:
        return ""
    opposite = "-" if profiled * costs < 0 else ""
    what = f"{opposite}{amount(abs(profiled), ours.unit)} of {amount(abs(costs), ours.unit)}"
    return f"their profiles do not show it: {what}"


def _profiled(profile: Profile) -> float:
    return (profile.sum or 0.0) + (profile.outside or 0.0)


def _amount(cell: CellResult) -> str:
    return amount(cost(cell) or 0.0, unit(cell))


def _runtimes(evidence: Sequence[Evidence]) -> list[Why]:
    """Of each network in each recipe and place, the slowest runtime against the fastest, where they are far apart."""
    together: dict[tuple[str, ...], list[Evidence]] = {}
    for each in evidence:
        stem, _, place = each.cell.id.partition("@")
        network = stem.removesuffix(f"-{each.cell.format}-{each.cell.recipe}")
        together.setdefault((network, each.cell.recipe, place), []).append(each)
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
    found_reasons = tuple(reasons(slowest, "runtime"))
    why = _with_difference(
        Why(slowest.cell, "runtime", said, found_reasons, beside=(fastest.cell,)),
        f"{fastest.cell.format} → {slowest.cell.format}",
    )
    missing = "; ".join(_unprofiled(each.cell) for each in (slowest, fastest) if not each.cell.profile.operators)
    nothing = not why.reasons and not why.open
    return replace(why, open=f"not known why: {missing or 'their profiles do not tell'}") if nothing else why
