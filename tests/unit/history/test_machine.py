"""Which of the core's controls a series goes by."""

from typing import Any

import pytest

from edgerig.history.machine import corrections


def row(core: float, beside: float | None, run_beside: float | None = 0.0018) -> dict[str, Any]:
    machine = {"machine_clock_ms": 0.12, "machine_memory_ms": 3.5, "machine_core_ms": core}
    own = {"core_control_ms": core, "beside_control_ms": beside, "machine_beside_ms": run_beside}
    return {**machine, **own, "size_bytes": 100_000}


def test_a_neighbour_that_the_samples_did_not_meet_takes_no_point_away() -> None:
    """The long control beside the loop met one in the last run."""
    rows = [row(0.11, 0.0018), row(0.11, 0.0018), row(0.11, 0.0018), row(0.19, 0.0018)]
    assert [each.left_out for each in corrections(rows)] == [""] * 4
    older = [{**each, "beside_control_ms": None} for each in rows]
    assert [bool(each.left_out) for each in corrections(older)] == [False] * 3 + [True]


@pytest.mark.parametrize(("last", "left_out"), [(0.0020, False), (0.0028, True)])
def test_a_core_that_was_shared_all_the_time_leaves_its_point_out(last: float, left_out: bool) -> None:
    found = corrections([row(0.11, 0.0018), row(0.11, 0.0018), row(0.11, last)])
    assert [bool(each.left_out) for each in found] == [False, False, left_out]
