"""What a reference cell's visits say, of any number of them."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from edgerig.measure import reference
from edgerig.measure.drift import SHOWS
from edgerig.results import ReferenceVisit


def visit(number: int, p50_ms: float, half_width: float | None) -> ReferenceVisit:
    if half_width is None:
        return ReferenceVisit(number=number, p50_ms=p50_ms)
    low_ms, high_ms = p50_ms * (1 - half_width), p50_ms * (1 + half_width)
    return ReferenceVisit(number=number, p50_ms=p50_ms, low_ms=low_ms, high_ms=high_ms)


def differ(one: ReferenceVisit, other: ReferenceVisit) -> bool:
    low, high = sorted((one, other), key=lambda each: each.p50_ms)
    if low.high_ms is None or high.low_ms is None:
        return False
    return high.p50_ms / low.p50_ms - 1 >= SHOWS and low.high_ms < high.low_ms


@pytest.mark.parametrize("seed", range(100))
def test_a_drift_shows_where_any_two_visits_differ(seed: int) -> None:
    chance = random.Random(seed)
    widths = (None, 0.001, 0.01, 0.03, 0.06)
    visits = [visit(k, 1 + chance.random() * 0.12, chance.choice(widths)) for k in range(chance.randrange(2, 9))]
    assert reference.any_shows(visits) == any(differ(one, other) for one, other in combinations(visits, 2))


def test_the_cases_of_chance_hold_both_answers() -> None:
    assert reference.any_shows([visit(1, 1.0, 0.01), visit(2, 1.1, 0.01)])
    assert not reference.any_shows([visit(1, 1.0, 0.06), visit(2, 1.1, 0.06)])
    assert not reference.any_shows([visit(1, 1.0, 0.001), visit(2, 1.04, 0.001)])
    assert not reference.any_shows([visit(1, 1.0, None), visit(2, 2.0, 0.01)])


class Counted(ReferenceVisit):
    """Counts how often its median is looked at."""

    looks: list[int]

    def __getattribute__(self, name: str) -> object:
        if name == "p50_ms":
            super().__getattribute__("looks").append(1)
        return super().__getattribute__(name)


def test_many_visits_are_looked_at_a_few_times_each() -> None:
    looks: list[int] = []
    visits = [Counted(number=k, p50_ms=1 + k % 7 / 1000, low_ms=0.9, high_ms=1.1, looks=looks) for k in range(500)]
    visits = [each.model_copy(update={"looks": looks}) for each in visits]
    assert not reference.any_shows(visits)
    assert 0 < len(looks) <= 6 * len(visits)
