"""What a claim comes to: evidence, each figure with its cell, and one verdict made of it."""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgerig.figures.numbers import counted
from edgerig.study.seen import Seen

Outcome = Literal["supported", "contradicted", "depends", "open", "not testable"]
WORDS: dict[Outcome, str] = {
    "supported": "supported",
    "contradicted": "contradicted",
    "depends": "depends",
    "open": "open",
    "not testable": "not testable here",
}


@dataclass(frozen=True)
class Figure:
    """A figure in words with the cell it is of. `interval` is its 95 % interval, `doubt` what speaks against
    it; "" where there is none."""

    cell: Seen
    text: str
    interval: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Evidence:
    """One comparison, or one observation. `axes` say of what, `found` what came out. `holds`: is it as claimed? None
    where the data tells neither, and then `why`. What does not `judge` stands beside the verdict and is no part of it.
    """

    axes: Mapping[str, str]
    figures: tuple[Figure, ...]
    found: str
    holds: bool | None
    why: str = ""
    judges: bool = True


@dataclass(frozen=True)
class Cited:
    """What others measured: shown beside our figures, never ranked with them."""

    what: str
    value: str
    source: str
    url: str


@dataclass(frozen=True)
class Judged:
    """What a claim's function gives. `missing` says, in words, which cells it wanted and did not find; `reason` why it
    can be told here by no cell at all. `unheard` says, in words, on which side of the claim nothing was compared: with
    it neither support nor contradiction is whole."""

    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""
    unheard: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A row of the study: what is claimed, by whom, how it is tested, and the function that does."""

    key: str
    says: str
    source: str
    tested: str
    judge: Callable[[Sequence[Seen]], Judged]
    cited: tuple[Cited, ...] = field(default=())


@dataclass(frozen=True)
class Finding:
    """`on` is what a verdict depends on, or why there is none; "" where it needs no word."""

    claim: Claim
    outcome: Outcome
    evidence: tuple[Evidence, ...]
    on: str
    missing: tuple[str, ...]


def concluded(claim: Claim, seen: Sequence[Seen]) -> Finding:
    """All evidence as claimed: supported; all against it: contradicted; both, or one of them beside comparisons that
    are not told apart, or a side of the claim without any: it depends; none told apart: open; no evidence at all: not
    testable."""
    judged = claim.judge(seen)
    told = [each for each in judged.evidence if each.judges]
    outcome, on = _outcome(told)
    if outcome == "not testable":
        on = judged.reason or _reasons(judged.evidence) or "none of the cells it needs ran"
    elif judged.unheard:
        way = {"supported": "as claimed", "contradicted": "against it"}.get(outcome, "")
        outcome = "depends" if way else outcome
        on = "; ".join(filter(None, (way, on, *judged.unheard)))
    return Finding(claim, outcome, judged.evidence, on, judged.missing)


def unheard(evidence: Sequence[Evidence], axis: str, sides: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the `sides` (an axis' value, and its name in words) no comparison that judges is of; () where it is all
    of them, or none. `("PyTorch alone, nothing of TensorFlow was compared",)`."""
    heard = {each.axes.get(axis, "") for each in evidence if each.judges}
    ours, missing = ([name for value, name in sides.items() if (value in heard) is there] for there in (True, False))
    if not ours or not missing:
        return ()
    return (f"{' and '.join(ours)} alone, nothing of {' or '.join(missing)} was compared",)


def _outcome(told: Sequence[Evidence]) -> tuple[Outcome, str]:
    kept = [each for each in told if each.holds]
    broken = [each for each in told if each.holds is False]
    unknown = len(told) - len(kept) - len(broken)
    if not told:
        return "not testable", ""
    if kept and broken:
        return "depends", _separated(kept, broken, unknown)
    if not kept and not broken:
        return "open", _reasons(told)
    if unknown:
        side = "as claimed" if kept else "against it"
        return (
            "depends",
            f"{side} in {len(kept) or len(broken)} of {len(told)} comparisons, told neither way in the rest",
        )
    return ("supported", "") if kept else ("contradicted", "")


def _reasons(evidence: Sequence[Evidence]) -> str:
    return "; ".join(dict.fromkeys(each.why for each in evidence if each.why))


def _separated(kept: Sequence[Evidence], broken: Sequence[Evidence], unknown: int) -> str:
    """Every axis whose value alone says which comparison comes out how, with its values: where there are several, no
    comparison tells which of them it is. Else the counts."""
    names = dict.fromkeys(name for each in (*kept, *broken) for name in each.axes)
    if axes := [name for name in names if not _values(kept, name) & _values(broken, name)]:
        ours, theirs = ("; ".join(", ".join(_values(group, name)) for name in axes) for group in (kept, broken))
        return f"on the {' or the '.join(axes)}: as claimed with {ours}, against it with {theirs}"
    counts = f"as claimed in {counted(len(kept), 'comparison')}, against it in {len(broken)}"
    return counts + (f", told neither way in {unknown}" if unknown else "") + "; no one axis says which"


def _values(group: Sequence[Evidence], axis: str) -> KeysView[str]:
    """In the order of the comparisons."""
    return dict.fromkeys(each.axes.get(axis, "") for each in group).keys()
