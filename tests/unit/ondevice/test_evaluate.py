from __future__ import annotations

import numpy as np
import pytest

from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo
from edgerig.ondevice.evaluate import evaluate, evaluated, shaped, stack


def values(*shapes: tuple[int, ...]) -> list[Array]:
    return [np.full(shape, index + 1, np.float32) for index, shape in enumerate(shapes)]


def info(*shape: int) -> TensorInfo:
    return TensorInfo("y", shape, "float32")


@pytest.mark.parametrize(
    ("shape", "whole"),
    [
        ((1, 4), (3, 4)),
        ((), (3,)),
        ((1,), (3,)),
        ((2, 4), (3, 2, 4)),
        ((6, 1, 4), (3, 6, 1, 4)),
        ((1, 1, 4), (3, 1, 4)),
    ],
)
def test_the_axis_of_samples_takes_the_place_of_the_batch_alone(shape: tuple[int, ...], whole: tuple[int, ...]) -> None:
    found = stack(values(shape, shape, shape), info(*shape))
    assert [array.shape for array in found.arrays] == [whole]
    assert found.arrays[0].reshape(3, -1)[:, 0].tolist() == [1, 2, 3]


def test_lengths_that_the_data_decides_are_padded_and_told() -> None:
    found = stack(values((2, 3), (2, 0), (2, 1)), info(2, -1))
    padded, lengths = found.arrays
    assert padded.shape == (3, 2, 3)
    assert padded[:, 0].tolist() == [[1, 1, 1], [0, 0, 0], [3, 0, 0]]
    assert lengths.tolist() == [[2, 3], [2, 0], [2, 1]]
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in found.tensors] == [
        ("y", (2, -1), "float32"),
        ("y shape", (1, 2), "int64"),
    ]


def test_a_batch_beside_an_open_length_stays_the_axis_of_samples() -> None:
    padded, lengths = stack(values((1, 3), (1, 2)), info(1, -1)).arrays
    assert (padded.shape, lengths.tolist()) == ((2, 3), [[1, 3], [1, 2]])


def test_what_is_not_as_declared_is_kept_whole() -> None:
    found = stack(values((5, 7), (2, 7)), info(1, 7))  # detections under the name of a batch
    assert found.arrays[0].shape == (2, 5, 7)
    assert found.tensors[0].shape == (-1, -1)


def test_what_has_other_axes_than_declared_is_told_as_it_comes() -> None:
    found = stack(values((5, 1, 7), (5, 1, 7)), info(1, -1))
    assert [(array.shape, tensor.shape) for array, tensor in zip(found.arrays, found.tensors, strict=True)] == [
        ((2, 5, 1, 7), (5, 1, 7))
    ]
    padded, lengths = (found := stack(values((5, 1, 7), (3, 1, 7)), info(1, -1))).arrays
    assert (padded.shape, found.tensors[0].shape) == ((2, 5, 1, 7), (-1, 1, 7))
    assert lengths.tolist() == [[5, 1, 7], [3, 1, 7]]


def test_an_output_of_changing_rank_is_refused() -> None:
    with pytest.raises(ValueError, match='"y" has now 1 axes'):
        stack(values((1,), (1, 1)), info(-1))


@pytest.mark.parametrize(
    ("sample", "shape", "fed"),
    [
        ((4,), (1, 4), (1, 4)),
        ((2, 4), (2, 1, 4), (2, 1, 4)),
        ((2, 1, 4), (2, 1, 4), (2, 1, 4)),
        ((), (), ()),
        ((), (1,), (1,)),
        ((3,), (1, -1), (1, 3)),
        ((3, 2), (1, 2, 3), (1, 3, 2)),  # other axes, which the engine refuses: they are not taken for each other
    ],
)
def test_a_sample_is_fed_in_the_files_shape(
    sample: tuple[int, ...], shape: tuple[int, ...], fed: tuple[int, ...]
) -> None:
    assert shaped(np.zeros((5, *sample)), 2, shape).shape == fed


class Halves:
    """An engine that gives the numbers of its input below a half, as many as there are."""

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None: ...

    def set_inputs(self, inputs: list[Array]) -> None:
        self.given = inputs[0]

    def invoke(self) -> None: ...

    def outputs(self) -> list[Array]:
        return [self.given[self.given < 0.5], np.asarray(self.given.sum())]

    def describe(self) -> Description:
        outputs = [TensorInfo("small", (-1,), "float32"), TensorInfo("sum", (), "float32")]
        return Description([info(1, 3)], outputs, "halves", "1", 1)


def test_lengths_stand_behind_all_outputs() -> None:
    given = [np.array([[0.1, 0.2, 0.9], [0.7, 0.8, 0.9]], np.float32)]
    found = evaluated(Halves(), given)
    assert [tensor.name for tensor in found.tensors] == ["small", "sum", "small shape"]
    np.testing.assert_allclose(found.arrays[0], np.array([[0.1, 0.2], [0.0, 0.0]]))
    np.testing.assert_allclose(found.arrays[1], [1.2, 2.4], rtol=1e-6)
    assert found.arrays[2].tolist() == [[2], [0]]
    assert [array.shape for array in evaluate(Halves(), given)] == [(2, 2), (2,), (2, 1)]
