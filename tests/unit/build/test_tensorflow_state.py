"""Variables that a call changes, whatever is drawn for it; and what is said where nothing could be called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerig.build.probing import UNKNOWN_STATE
from edgerig.build.source import Arrays
from edgerig.build.sources.tensorflow_state import require_no_own_state
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, TensorSpec

IDS = TensorSpec(name="ids", shape=(4, 1, 2), dtype="int32", batch_axis=1)


class Variable:
    """What is asked of one."""

    name = "cache"

    def __init__(self) -> None:
        self.value: Any = np.zeros((4, 1, 2), np.int32)

    def numpy(self) -> Any:
        return self.value.copy()


def spec() -> ModelSpec:
    outputs = (TensorSpec(name="y", shape=(1, 2)),)
    return ModelSpec(
        name="net", source="keras", factory="m.py:f", no_accuracy_reason="a test", inputs=(IDS,), outputs=outputs
    )


def test_a_cache_of_integers_is_seen_in_their_tensors_shape() -> None:
    cache = Variable()

    def call(batch: Arrays) -> None:
        cache.value = batch[0].reshape(4, 1, 2) if batch[0].shape == IDS.shape else cache.value

    with pytest.raises(BuildError, match=r"a call changes its variables \(cache\)"):
        require_no_own_state(spec(), call, [cache], "how")


def test_what_takes_zeros_alone_is_called_with_them() -> None:
    cache = Variable()

    def call(batch: Arrays) -> None:
        if batch[0].any():
            raise IndexError("no such row")
        cache.value = cache.value + 1

    with pytest.raises(BuildError, match="a call changes its variables"):
        require_no_own_state(spec(), call, [cache], "how")


def test_what_takes_nothing_drawn_is_noted() -> None:
    def call(batch: Arrays) -> None:
        raise ValueError("not these")

    assert require_no_own_state(spec(), call, [Variable()], "how") == (UNKNOWN_STATE,)
    assert require_no_own_state(spec(), lambda batch: None, [Variable()], "how") == ()
