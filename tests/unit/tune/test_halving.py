"""Who goes on: what keeps the limits before what breaks them, then who is not beaten, then who is alone."""

from __future__ import annotations

from edgerig.tune.halving import Score, fronts, promoted


def scores(**costs: tuple[float, ...]) -> list[Score]:
    return [Score(name, cost) for name, cost in costs.items()]


def test_a_front_is_what_nothing_beats_and_the_next_is_that_without_it() -> None:
    found = fronts(scores(small=(0.5, 1), near=(0.1, 9), both=(0.5, 9), worst=(0.6, 10), same=(0.5, 1)))
    assert [sorted(one.name for one in front) for front in found] == [["near", "same", "small"], ["both"], ["worst"]]


def test_the_ends_of_a_front_and_its_loneliest_go_on() -> None:
    along = scores(a=(0.0, 10), b=(0.1, 9), c=(0.12, 8.8), d=(0.6, 3), e=(1.0, 0))
    assert set(promoted(along, 3)) == {"a", "e", "d"}
    assert promoted(along, 99)[-1] == "b"


def test_what_breaks_a_limit_stands_behind_all_that_keep_it() -> None:
    bad = [Score("much", (0.0, 0.0), 2.0), Score("little", (9.0, 9.0), 0.1)]
    assert promoted([*bad, *scores(good=(5, 5))], 3) == ["good", "little", "much"]


def test_few_that_go_on_are_the_ends_of_the_front_and_not_one_end_of_it() -> None:
    """Three of a size, and one that is larger and nine times as fast."""
    assert promoted(scores(a=(50, 9), b=(51, 8), c=(52, 7), fast=(63, 1)), 2) == ["a", "fast"]
    assert promoted(scores(a=(50, 9), b=(51, 8), c=(52, 7), fast=(63, 1)), 3) == ["a", "fast", "c"]


def test_of_nothing_nothing_goes_on() -> None:
    assert promoted([], 3) == []
