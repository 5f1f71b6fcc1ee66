"""What a claim comes to: evidence, each figure with its cell, and one verdict made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """A figure in words with the cell it is of. `interval` is its 95 % interval, `doubt` what its cell's verdict says
    against it; "" where there is none."""

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
    can be told here by no cell at all."""

    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""


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
    are not told apart: it depends; none told apart: open; no evidence at all: not testable."""
    judged = claim.judge(seen)
    told = [each for each in judged.evidence if each.judges]
    outcome, on = _outcome(told)
    if outcome == "not testable":
        on = judged.reason or "none of the cells it needs ran"
    return Finding(claim, outcome, judged.evidence, on, judged.missing)


def _outcome(told: Sequence[Evidence]) -> tuple[Outcome, str]:
    kept = [each for each in told if each.holds]
    broken = [each for each in told if each.holds is False]
    unknown = len(told) - len(kept) - len(broken)
    if not told:
        return "not testable", ""
    if kept and broken:
        return "depends", _separated(kept, broken, unknown)
    if not kept and not broken:
        return "open", "; ".join(dict.fromkeys(each.why for each in told if each.why))
    if unknown:
        side = "as claimed" if kept else "against it"
        return (
            "depends",
            f"{side} in {len(kept) or len(broken)} of {len(told)} comparisons, told neither way in the rest",
        )
    return ("supported", "") if kept else ("contradicted", "")


def _separated(kept: Sequence[Evidence], broken: Sequence[Evidence], unknown: int) -> str:
    """The axis whose value alone says which comparison comes out how, with its values; else the counts."""
    for axis in dict.fromkeys(name for each in (*kept, *broken) for name in each.axes):
        ours, theirs = ([each.axes.get(axis, "") for each in group] for group in (kept, broken))
        if not set(ours) & set(theirs):
            return f"on the {axis}: as claimed with {_listed(ours)}, against it with {_listed(theirs)}"
    counts = f"as claimed in {counted(len(kept), 'comparison')}, against it in {len(broken)}"
    return counts + (f", told neither way in {unknown}" if unknown else "") + "; no one axis says which"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(values))
