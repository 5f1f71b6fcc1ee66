import numpy as np
import pytest

from edgerig.measure.error import relative_error
from edgerig.measure.parity import parity


def scores(classes):
    return [np.eye(10, dtype=np.float32)[classes]]


def test_errors_are_the_relative_two_norm_and_the_largest_difference():
    assert relative_error([np.array([[3.0, 4.5]])], [np.array([[3.0, 4.0]])]) == (pytest.approx(0.1), 0.5)
    assert relative_error([np.zeros(2)], [np.zeros(2)]) == (0.0, 0.0)
    assert relative_error([np.ones(2)], [np.zeros(2)])[0] == float("inf")


def test_parity_counts_samples_whose_argmax_moved():
    found = parity(scores([0, 1, 2, 3]), scores([0, 1, 2, 3]), "", scores([0, 1, 2, 4]), "")
    assert (found.relative_error, found.disagreement, found.samples) == (0.0, 0.25, 4)


def test_missing_counterparts_leave_reasons():
    found = parity(scores([0]), None, "no source", None, "no fp32")
    assert (found.relative_error, found.reason) == (None, "no source")
    assert (found.disagreement, found.disagreement_reason) == (None, "no fp32")


def test_outputs_of_another_shape_leave_a_reason():
    found = parity(scores([0]), [np.zeros((1, 3), np.float32)], "", None, "no fp32")
    assert found.relative_error is None
    assert "shapes" in found.reason


def test_a_nan_is_never_a_relative_error():
    found = parity([np.full((1, 10), np.nan, np.float32)], scores([0]), "", None, "")
    assert found.relative_error is None
    assert "NaN" in found.reason


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nor_is_one_of_the_source_itself(value):
    found = parity(scores([0]), [np.full((1, 10), value, np.float32)], "", None, "")
    assert (found.relative_error, found.max_abs_error) == (None, None)
    assert "source's own outputs" in found.reason


def test_a_reference_of_zeros_leaves_a_reason_not_an_infinity():
    found = parity(scores([1]), [np.zeros((1, 10), np.float32)], "", None, "no fp32")
    assert (found.relative_error, found.max_abs_error) == (None, 1.0)
    assert "all zero" in found.reason
