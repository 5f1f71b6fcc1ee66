"""Who goes on to the dearer rung. Pure.

What breaks a limit stands behind what keeps all, however good it is otherwise; among the others who is beaten by fewer
stands first, and of those the one with the most room around it, so that what goes on is spread over the front. That is
the order of NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002, doi:10.1109/4235.996017: constrained domination,
non-dominated sorting, crowding distance).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Costs = tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """`violation` is by how much limits are broken, 0 where none is; `costs` are each the smaller the better."""

    name: str
    costs: Costs
    violation: float = 0.0


def beats(ours: Costs, theirs: Costs) -> bool:
    """At least as good in everything and better in something."""
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def fronts(scores: Sequence[Score]) -> list[list[Score]]:
    """Those that none beats, then those that none of the rest beats, and so on."""
    left, found = list(scores), []
    while left:
        front = [one for one in left if not any(beats(other.costs, one.costs) for other in left)]
        found.append(front)
        left = [one for one in left if one not in front]
    return found


def promoted(scores: Sequence[Score], count: int) -> list[str]:
    """The names of the first `count`, best first."""
    keeping = [one for one in scores if one.violation <= 0]
    ranked = [one for front in fronts(keeping) for one in _spread(front)]
    return [one.name for one in (*ranked, *_breaking(scores))][:count]


def _breaking(scores: Sequence[Score]) -> list[Score]:
    """What breaks a limit, by how much."""
    return sorted((one for one in scores if one.violation > 0), key=lambda one: (one.violation, one.costs, one.name))


def _spread(front: list[Score]) -> list[Score]:
    """By crowding distance, the largest first: the ends of the front have all the room there is."""
    room = dict.fromkeys((one.name for one in front), 0.0)
    for axis in range(len(front[0].costs)):
        along = sorted(front, key=lambda one: (one.costs[axis], one.name))
        width = along[-1].costs[axis] - along[0].costs[axis]
        room[along[0].name] = room[along[-1].name] = math.inf
        for before, one, after in zip(along, along[1:], along[2:], strict=False):
            room[one.name] += (after.costs[axis] - before.costs[axis]) / width if width > 0 else 0.0
    return sorted(front, key=lambda one: (-room[one.name], one.costs, one.name))
