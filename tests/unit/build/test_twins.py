"""Two networks side by side: tensors of lengths that the data decides, and weights of one scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgerig.build.formats.rounded import dequantized
from edgerig.build.layers.twins import Pair, Twins, look
from edgerig.build.source import Arrays
from edgerig.errors import BuildError
from edgerig.measure.layers import Values
from edgerig.results.layers import EXACT_DB


def twins(*samples: dict[str, tuple[Values, Values]]) -> Twins:
    given = iter(samples)

    def run(_: Arrays) -> Iterator[Pair]:
        yield from ((name, *pair) for name, pair in next(given).items())

    return Twins("in a test", (), (), {}, {}, lambda values: values.ndim - 1, run)


def rows(*shape: int) -> Values:
    return np.ones(shape, np.float32)


def test_a_tensor_of_another_shape_in_one_sample_is_left_out_and_named() -> None:
    both = {"boxes": (rows(3, 4), rows(3, 4)), "scores": (rows(1, 5), rows(1, 5))}
    one = {"boxes": (rows(3, 4), rows(2, 4)), "scores": (rows(1, 5), rows(1, 5))}
    looked = look(twins(both, one, both), [[], [], []])
    assert set(looked.seen) == {"scores"}
    assert looked.seen["scores"].values == 15
    assert looked.notes == ("left out, of lengths that the data decides: boxes",)


def test_so_is_one_whose_channels_are_more_from_sample_to_sample() -> None:
    samples = [{"places": (rows(2, n), rows(2, n)), "y": (rows(1), rows(1))} for n in (3, 5)]
    assert look(twins(*samples), [[], []]).unlike == ("places",)


def test_where_all_differ_the_files_are_not_of_one_network() -> None:
    with pytest.raises(BuildError, match="shape") as raised:
        look(twins({"a": (rows(1), rows(2))}), [[]])
    assert "not of one network" in raised.value.hint


def test_empty_tensors_say_nothing() -> None:
    samples = [{"kept": (rows(0, 4), rows(0, 4))}, {"kept": (rows(2, 4), rows(2, 4))}]
    looked = look(twins(*samples), [[], []])
    assert looked.notes == ()
    assert looked.seen["kept"].sqnr_db == EXACT_DB
    assert look(twins(samples[0]), [[]]).seen["kept"].sqnr_db is None


@pytest.mark.parametrize("scale", [np.float32(0.5), np.full(1, 0.5), np.array(0.5)])
@pytest.mark.parametrize("zero", [np.array(2), np.array([2]), np.array([])])
def test_weights_of_one_scale(scale: np.ndarray, zero: np.ndarray) -> None:
    found = dequantized(np.array([[3, 4]], np.int8), np.asarray(scale), zero, 0)
    assert found is not None
    assert found.quantized.tolist() == [[0.5, 1.0] if zero.size else [1.5, 2.0]]


def test_weights_of_a_scale_per_channel_and_of_blocks() -> None:
    stored = np.array([[1, 2], [3, 4]], np.int8)
    found = dequantized(stored, np.array([1.0, 10.0]), np.array([0, 1]), 1)
    assert found is not None
    assert found.quantized.tolist() == [[1, 10], [3, 30]]
    assert dequantized(stored, np.ones((2, 1)), np.zeros(0), 0) is None
