"""Which operators of a cell take longer or less than before, and which are new, gone or run elsewhere. Pure.

It explains a change and judges none: a profile is of one process, and how processes differ is not in it. An operator is
named when the difference is more than both profiles' spread, than `LEAST` of itself (of instructions, which repeat,
`LEAST_COUNT`) and than `LEAST_SHARE` of the inference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from edgerig.results import OperatorProfile, Profile, Value
from edgerig.results.profile import Unit

What = Literal["slower", "faster", "new", "gone", "run elsewhere"]
LEAST = 0.1
LEAST_COUNT = 0.001
LEAST_SHARE = 0.01
SHOWN = 20
Key = tuple[str, str, int]


class OperatorChange(Value):
    """`base` and `new` are its values in `unit`, None where it is not; the runners stand beside."""

    name: str
    layer: str = ""
    what: What
    unit: Unit
    base: float | None = None
    new: float | None = None
    base_runner: str = ""
    new_runner: str = ""

    @property
    def effect(self) -> float | None:
        """Relative to the base."""
        return self.new / self.base - 1 if self.base and self.new is not None else None


def operator_changes(base: Profile | None, new: Profile | None) -> tuple[OperatorChange, ...]:
    """The largest differences first, at most `SHOWN`; none where either has no profile, or one of another kind."""
    if base is None or new is None or base.unit != new.unit or base.shares_only or new.shares_only:
        return ()
    was, now = _keyed(base), _keyed(new)
    whole = max(base.whole or 0.0, new.whole or 0.0)
    found = [
        change
        for key in dict.fromkeys((*now, *was))
        if (change := _change(was.get(key), now.get(key), whole, new.unit)) is not None
    ]
    found.sort(key=lambda change: -abs((change.new or 0.0) - (change.base or 0.0)))
    return tuple(found[:SHOWN])


def _keyed(found: Profile) -> dict[Key, OperatorProfile]:
    """Operators by their layer, else by their name, and which of that it is."""
    return dict(_with_keys(found))


def _with_keys(found: Profile) -> Iterator[tuple[Key, OperatorProfile]]:
    seen: Counter[tuple[str, str]] = Counter()
    for operator in found.operators:
        known = (operator.layer, "") if operator.layer else ("", operator.name)
        yield (*known, seen[known]), operator
        seen[known] += 1


def _change(
    was: OperatorProfile | None, now: OperatorProfile | None, whole: float, unit: Unit
) -> OperatorChange | None:
    there = now or was
    if there is None:
        return None
    values = (0.0 if was is None else was.value, 0.0 if now is None else now.value)
    apart = abs(values[1] - values[0])
    moved = was is not None and now is not None and was.runner != now.runner
    least = LEAST_COUNT if unit == "instructions" else LEAST
    noise = max(max(0.0 if each is None else each.spread for each in (was, now)), least * min(values))
    if not moved and (apart <= noise or apart < LEAST_SHARE * whole):
        return None
    return OperatorChange(
        name=there.name,
        layer=there.layer,
        what=_what(was, now, moved=moved),
        unit=unit,
        base=None if was is None else was.value,
        new=None if now is None else now.value,
        base_runner="" if was is None else was.runner,
        new_runner="" if now is None else now.runner,
    )


def _what(was: OperatorProfile | None, now: OperatorProfile | None, *, moved: bool) -> What:
    if was is None or now is None:
        return "new" if was is None else "gone"
    return "run elsewhere" if moved else "slower" if now.value > was.value else "faster"
