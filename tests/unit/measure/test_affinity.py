import pytest

from edgerig.measure.affinity import affinity, not_in_force
from edgerig.measure.raw_affinity import RawAffinity


@pytest.mark.parametrize(
    ("raw", "threads", "said"),
    [
        ({}, 4, ""),
        ({"at_once": 2, "processors": [0, 1]}, 2, ""),
        ({"at_once": 1, "processors": [3]}, 2, "2 threads were asked for, 1 can run at once on processor 3"),
        ({"at_once": 2, "processors": [0, 1]}, 4, "4 threads were asked for, 2 can run at once on processors 0, 1"),
        (
            {"asked": [4, 5], "at_once": 2, "masks": [{"threads": 3, "processors": [4, 5]}]},
            2,
            "",
        ),
        (
            {
                "asked": [4, 5],
                "at_once": 2,
                "masks": [
                    {"threads": 3, "processors": [5, 4]},
                    {"name": "pool", "threads": 1, "processors": [0, 1, 4, 5]},
                ],
            },
            2,
            "processors 4, 5 asked for, 1 thread (pool) may run on processors 0, 1, 4, 5",
        ),
        ({"masks": [{"threads": 1, "processors": [0]}, {"threads": 1, "processors": [1]}]}, 1, ""),
    ],
)
def test_what_was_asked_for_and_not_had_is_said(raw: dict[str, object], threads: int, said: str) -> None:
    assert not_in_force(affinity(RawAffinity.model_validate(raw)), threads) == said


def test_a_runner_that_did_not_look_accuses_nobody() -> None:
    assert not_in_force(None, 8) == ""
    assert affinity(RawAffinity(reason="an older runner")).reason == "an older runner"
