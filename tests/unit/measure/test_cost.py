"""Counts of repeats → the cost of one inference."""

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from edgerig.measure.cost import instructions
from edgerig.measure.raw_run import RawInstructions


def found(counts: list[int], empty: Sequence[int] = (2000, 2000, 2000)) -> RawInstructions:
    return RawInstructions(counts=list(counts), empty=list(empty))


def test_the_most_frequent_count_less_the_empty_one() -> None:
    cost = instructions(found([250_898, 250_898, 251_479, 250_898], [2000, 2010, 2000]))
    assert (cost.instructions, cost.spread, cost.reason) == (248_898, 581, "")


def test_equal_counts_have_no_spread() -> None:
    assert instructions(found([700_000] * 11)).spread == 0


def test_where_no_count_repeats_the_middle_one_stands() -> None:
    cost = instructions(found([10_400, 10_100, 10_300, 10_200]))
    assert (cost.instructions, cost.spread) == (8_200, 300)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (RawInstructions(reason="no plugin"), "no plugin"),
        (RawInstructions(), "the runner counted none"),
        (RawInstructions(counts=[5]), "the runner counted none"),
    ],
)
def test_what_was_not_counted_has_a_reason_and_no_zero(raw: RawInstructions, reason: str) -> None:
    cost = instructions(raw)
    assert (cost.instructions, cost.spread, cost.reason) == (None, None, reason)


@pytest.mark.parametrize("counts", [[-1], [10**15 + 1], ["many"], [1] * 1001])
def test_counts_of_a_device_are_bounded(counts: list[object]) -> None:
    with pytest.raises(ValidationError):
        RawInstructions.model_validate({"counts": counts, "empty": [0]})
