from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.measure.error import compare, compare_output, relative_error
from edgerig.measure.parity import parity


def scores(classes: list[int]) -> list[npt.NDArray[Any]]:
    return [np.eye(10, dtype=np.float32)[classes]]


def noise(*shape: int, seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_the_relative_error_is_that_of_two_norms() -> None:
    assert relative_error(np.array([[3.0, 4.5]]), np.array([[3.0, 4.0]])) == pytest.approx(0.1)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0
    assert relative_error(np.ones(2), np.zeros(2)) == float("inf")
    large = np.full((1, 100), 60_000, np.float16)
    assert relative_error(large, large) == 0.0


def test_parity_counts_samples_whose_argmax_moved() -> None:
    found = parity(["y"], scores([0, 1, 2, 3]), scores([0, 1, 2, 3]), "", scores([0, 1, 2, 4]), "")
    assert (found.relative_error, found.disagreement, found.samples, found.agreement) == (0.0, 0.25, 4, 1.0)


def test_missing_counterparts_leave_reasons() -> None:
    found = parity(["y"], scores([0]), None, "no source", None, "no fp32")
    assert (found.relative_error, found.reason) == (None, "no source")
    assert (found.disagreement, found.disagreement_reason) == (None, "no fp32")


def test_outputs_of_another_shape_leave_a_reason() -> None:
    found = parity(["y"], scores([0]), [np.zeros((1, 3), np.float32)], "", None, "no fp32")
    assert found.relative_error is None
    assert "shape" in found.reason


def test_a_nan_is_never_a_relative_error() -> None:
    found = parity(["y"], [np.full((1, 10), np.nan, np.float32)], scores([0]), "", None, "")
    assert found.relative_error is None
    assert "NaN" in found.reason


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nor_is_one_of_the_source_itself(value: float) -> None:
    found = parity(["y"], scores([0]), [np.full((1, 10), value, np.float32)], "", None, "")
    assert (found.relative_error, found.max_abs_error) == (None, None)
    assert "source's own outputs" in found.reason


def test_a_reference_of_zeros_leaves_a_reason_not_an_infinity() -> None:
    found = parity(["y"], scores([1]), [np.zeros((1, 10), np.float32)], "", None, "no fp32")
    assert found.relative_error is None
    assert found.outputs[0].max_abs_error == 1.0
    assert "all zero" in found.reason


def test_a_small_output_destroyed_beside_a_large_one_is_the_one_named() -> None:
    boxes, probabilities = 1000 * noise(200, 16), np.abs(noise(200, 3, seed=1))
    found = parity(["boxes", "scores"], [boxes * 1.001, probabilities[::-1]], [boxes, probabilities], "", None, "")
    assert found.worst == "scores"
    assert found.relative_error == found.outputs[1].relative_error > 0.5
    assert found.agreement == found.outputs[1].agreement < 0.6
    assert found.outputs[0].relative_error < 0.01


def test_channels_far_below_the_whole_are_judged_by_themselves() -> None:
    expected = np.concatenate([1000 * noise(100, 4), noise(100, 3, seed=1)], axis=1)
    step = 1000 * 8 / 255  # one grid of 8 bits over both
    found = compare_output("y", np.round(expected / step) * step, expected)
    assert found.relative_error > 0.9
    assert "channels 4, 5, 6 of axis 1" in found.weak
    assert found.constant == (4, 5, 6)


def test_so_they_are_along_whichever_axis_mixes() -> None:
    expected = np.stack([1000 * noise(20, 50), noise(20, 50, seed=1)], axis=2)  # (N, anchors, values)
    found = compare_output("y", expected + noise(20, 50, 2, seed=2), expected)
    assert found.relative_error == pytest.approx(1.0, rel=0.2)
    assert "channels 1 of axis 2" in found.weak


def test_a_rare_class_of_probabilities_is_no_weak_channel() -> None:
    logits = 3 * noise(100, 20)
    logits[:, 5] -= 30
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = compare_output("y", np.round(expected * 256) / 256, expected)
    assert (found.weak, found.relative_error < 0.05) == ("", True)


def test_integers_and_bools_are_compared_by_agreement_beyond_what_a_float32_holds() -> None:
    index = np.array([[16_777_217], [3]])
    found = parity(["i"], [np.array([[16_777_216], [3]])], [index], "", None, "")
    assert (found.relative_error, found.agreement) == (None, 0.5)
    assert "by agreement" in found.reason
    mask = compare_output("m", np.array([[True, False]]), np.array([[True, True]]))
    assert (mask.compared, mask.agreement) == ("index", 0.5)


def test_a_real_output_beside_an_index_still_has_its_error() -> None:
    values, index = noise(8, 3), np.arange(24).reshape(8, 3)
    found = parity(["v", "i"], [values * 1.01, index[:, ::-1]], [values, index], "", None, "")
    assert found.worst == "v"
    assert found.relative_error == pytest.approx(0.01, rel=1e-3)
    assert found.agreement == pytest.approx(1 / 3)


def test_axes_of_length_one_come_and_go() -> None:
    reference = np.arange(12, dtype=np.float32).reshape(3, 4)
    (found,) = compare(["y"], [reference.reshape(3, 1, 4, 1)], [reference])
    assert (found.reason, found.relative_error) == ("", 0.0)


def test_lengths_that_the_data_decides_are_compared_by_themselves() -> None:
    names = ["y", "y shape"]
    ours = [np.array([[1.0, 0.0], [2.0, 3.0]], np.float32), np.array([[1], [2]])]
    theirs = [np.array([[1.0, 0.0, 0.0], [2.0, 3.0, 4.0]], np.float32), np.array([[1], [3]])]
    values, lengths = compare(names, ours, theirs)
    assert values.relative_error == pytest.approx(4 / 30**0.5)
    assert lengths.agreement == 0.5


def test_lengths_that_one_side_has_alone_are_left_out() -> None:
    value = np.ones((2, 3), np.float32)
    found = compare(["y"], [value, np.full((2, 1), 3)], [value])
    assert [(each.name, each.relative_error) for each in found] == [("y", 0.0)]
