"""What a sequence is judged by, of the outputs of its steps."""

from __future__ import annotations

import numpy as np

from edgerig.measure.ragged import Ragged
from edgerig.measure.sequences import Sequences, judged

STEPS = np.arange(18).reshape(9, 2)


def test_the_last_step_of_each() -> None:
    assert Sequences([2, 3, 4], "last").of(STEPS).tolist() == [[2, 3], [8, 9], [16, 17]]  # type: ignore[union-attr]


def test_all_steps_together() -> None:
    found = Sequences([2, 3, 4], "all").of(STEPS)
    assert isinstance(found, Ragged)
    assert [one.tolist() for one in found] == [STEPS[:2].tolist(), STEPS[2:5].tolist(), STEPS[5:].tolist()]
    even = Sequences([3, 3, 3], "all").of(STEPS)
    assert isinstance(even, np.ndarray) and even.shape == (3, 3, 2)


def test_each_step_by_itself() -> None:
    assert Sequences([2, 3, 4], "each").of(STEPS) is STEPS


def test_of_the_first_sequences_alone() -> None:
    assert Sequences([2, 3, 4], "last").of(STEPS[:5]).tolist() == [[2, 3], [8, 9]]  # type: ignore[union-attr]


def test_a_sample_of_one_step_is_judged_as_it_is() -> None:
    assert judged(None, [STEPS]) == [STEPS]
