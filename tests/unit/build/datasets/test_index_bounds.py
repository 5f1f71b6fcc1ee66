from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerig.build.datasets.arrays import random_dataset
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.build.datasets.index_bounds import Gather, Moved, Step, below, told, with_ranges
from edgerig.build.source import SourceModel
from edgerig.spec import Dtype, ModelSpec

NOTHING = SourceModel(
    ModelSpec(name="m", source="executorch", file=Path("m.pte"), no_accuracy_reason="a test"), None, list
)


@pytest.mark.parametrize(
    ("steps", "bounds"),
    [
        ([], {}),
        ([Gather("x", 10)], {"x": 10}),
        ([Moved(("x",), "a"), Gather("a", 10), Gather("a", 7)], {"x": 7, "a": 7}),
        ([Moved(("x", "y"), "a"), Gather("a", 10)], {"x": 10, "y": 10, "a": 10}),
        ([Moved(("x",), "a", added=2), Gather("a", 10)], {"x": 8, "a": 10}),
        ([Gather("x", 10), Moved(("x",), "a")], {"x": 10}),
        ([Gather("x", 10), Moved(("x",), "a"), Gather("a", 4)], {"x": 4, "a": 4}),
    ],
)
def test_an_index_is_bound_by_every_table_it_comes_to(steps: list[Step], bounds: dict[str, int]) -> None:
    assert below(steps) == bounds


@pytest.mark.parametrize(
    ("dtype", "least", "largest"), [("uint8", 0, 255), ("int8", -128, 127), ("int64", 0, 1), ("uint16", 0, 1)]
)
def test_integers_that_nothing_bounds(dtype: Dtype, least: int, largest: int) -> None:
    (tensor,) = with_ranges((Tensor("x", (1, 4000), dtype=dtype),), "executorch", NOTHING)
    dataset = random_dataset(Fits((tensor,), (1, 1), "inputs", None), 0)
    (batch,) = dataset.evaluation.batches()
    assert batch.inputs[0].dtype == np.dtype(dtype)
    assert (batch.inputs[0].min(), batch.inputs[0].max()) == (least, largest)


def test_a_declared_range_is_kept_and_a_found_one_told() -> None:
    before = (
        Tensor("ids", (1, 4), range=(5, 6), dtype="int64"),
        Tensor("mask", (1, 4), dtype="int64"),
        Tensor("x", (1, 2)),
    )
    after = with_ranges(before, "executorch", NOTHING)
    assert [tensor.range for tensor in after] == [(5, 6), (0, 1), None]
    assert told(before, after) == "; mask 0 to 1"
    assert told(before, before) == ""


@pytest.mark.parametrize(
    ("shape", "batch", "samples"), [((), None, (8,)), ((2, 1, 3), 1, (8, 2, 3)), ((4, 3), None, (8, 4, 3))]
)
def test_random_samples_stand_along_the_first_axis(
    shape: tuple[int, ...], batch: int | None, samples: tuple[int, ...]
) -> None:
    dataset = random_dataset(Fits((Tensor("x", shape, batch=batch),), (1, 1), "inputs", None), 0)
    (batches,) = dataset.evaluation.batches()
    assert batches.inputs[0].shape == samples
