from __future__ import annotations

from typing import Any

import pytest

from edgerig.compare.operators import SHOWN, operator_changes
from edgerig.results import OperatorProfile, Profile
from edgerig.results.profile import Unit

WHOLE = 10_000.0


def operator(name: str, value: float, **more: Any) -> OperatorProfile:
    known = {"index": 0, "kind": "other", "runner": "xnnpack", "spread": 0.0, "share": 0.1, "calls": 1.0}
    return OperatorProfile.model_validate(known | {"name": name, "value": value} | more)


def profile(*operators: OperatorProfile, unit: Unit = "ns", shares_only: bool = False) -> Profile:
    return Profile(unit=unit, whole=WHOLE, operators=operators, shares_only=shares_only)


@pytest.mark.parametrize(
    ("base", "new", "spread", "unit", "what"),
    [
        (1000, 1500, 0, "ns", "slower"),
        (1500, 1000, 0, "ns", "faster"),
        (1000, 1500, 600, "ns", None),  # within the spread
        (5000, 5400, 0, "ns", None),  # by less than a tenth
        (100, 180, 0, "ns", None),  # less than a hundredth of the inference
        (5000, 5400, 0, "instructions", "slower"),
        (200_000, 200_150, 0, "instructions", None),  # counts of one program differ by so much
    ],
)
def test_what_counts_as_a_change(base: float, new: float, spread: float, unit: Unit, what: str | None) -> None:
    was, now = (profile(operator("A", value, spread=spread), unit=unit) for value in (base, new))
    assert [change.what for change in operator_changes(was, now)] == ([] if what is None else [what])


def test_operators_of_one_name_are_told_apart_by_layer_else_by_their_order() -> None:
    was = profile(operator("A", 1000), operator("A", 2000), operator("B", 500, layer="x"))
    now = profile(operator("A", 1000), operator("A", 3000), operator("C", 900, layer="x"))
    found = operator_changes(was, now)
    assert [(each.name, each.layer, each.base, each.new) for each in found] == [
        ("A", "", 2000, 3000),
        ("C", "x", 500, 900),
    ]
    assert found[0].effect == pytest.approx(0.5)


def test_new_gone_and_run_elsewhere() -> None:
    was = profile(operator("A", 1000), operator("B", 400))
    now = profile(operator("B", 400, runner="kernel"), operator("D", 700))
    found = {each.name: each for each in operator_changes(was, now)}
    assert {name: each.what for name, each in found.items()} == {"A": "gone", "B": "run elsewhere", "D": "new"}
    assert (found["B"].base_runner, found["B"].new_runner, found["A"].effect) == ("xnnpack", "kernel", None)


def test_the_largest_first_and_no_more_than_are_read() -> None:
    was = profile(*(operator(f"op{n}", 1000) for n in range(50)))
    now = profile(*(operator(f"op{n}", 2000 + n) for n in range(50)))
    found = operator_changes(was, now)
    assert [each.name for each in found] == [f"op{n}" for n in range(49, 49 - SHOWN, -1)]


def test_profiles_that_say_nothing_of_each_other() -> None:
    one, other = profile(operator("A", 1000)), profile(operator("A", 2000))
    counted = profile(operator("A", 2000), unit="instructions")
    assert operator_changes(None, one) == operator_changes(one, None) == ()
    assert operator_changes(one, counted) == ()
    assert operator_changes(one, other.model_copy(update={"shares_only": True})) == ()
