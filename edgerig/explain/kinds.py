"""Two profiles side by side, by what their operators do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.explain.reason import amount
from edgerig.results import Profile

TOLD = 0.1
"""What is less of the whole difference is not named."""
_MOST = 3


@dataclass(frozen=True)
class Change:
    """A kind of operator, or what lies outside of them, in one profile and in the other."""

    kind: str
    ours: float
    theirs: float

    @property
    def more(self) -> float:
        return self.ours - self.theirs


def by_kind(profile: Profile) -> dict[str, float]:
    """Kind → values together, what no operator covers with them; in the profile's unit."""
    found: dict[str, float] = {}
    for each in profile.operators:
        found[each.kind] = found.get(each.kind, 0.0) + each.value
    return found | dict(profile.uncovered)


def changes(ours: Profile, theirs: Profile) -> list[Change]:
    """The largest first. Both are of one unit, and their values are true ones."""
    mine, other = by_kind(ours), by_kind(theirs)
    found = [Change(kind, mine.get(kind, 0.0), other.get(kind, 0.0)) for kind in {**mine, **other}]
    return sorted(found, key=lambda each: (-abs(each.more), each.kind))


def worded(found: Sequence[Change], unit: str, whole: float) -> str:
    """What makes the difference, in the direction of `whole`, which is ours less theirs; theirs first: `"matrix product
    2.65 ms → 0.92 ms, depthwise convolution 644 µs → 536 µs"`."""
    told = [each for each in found if each.more * whole > 0 and abs(each.more) >= TOLD * abs(whole)]
    return ", ".join(f"{each.kind} {amount(each.theirs, unit)} → {amount(each.ours, unit)}" for each in told[:_MOST])
