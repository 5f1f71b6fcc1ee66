"""The two checks every build must pass."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgerig.build.check import check_constants, check_outputs
from edgerig.errors import ParityError, UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.spec import RecipeSpec, load_recipes


def recipe(name: str = "int8-static") -> RecipeSpec:
    return load_recipes()[name]


def logits(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_the_relative_error_is_the_2_norm_over_all_outputs() -> None:
    reference = [logits([3.0, 0.0]), logits([0.0, 4.0])]
    built = [logits([3.0, 0.3]), logits([0.4, 4.0])]
    relative, largest = relative_error(built, reference)
    assert relative == pytest.approx(0.5 / 5.0)
    assert largest == pytest.approx(0.4)


def test_equal_outputs_have_no_error_even_when_all_are_zero() -> None:
    zero = [logits([0.0, 0.0])]
    assert relative_error(zero, zero) == (0.0, 0.0)
    assert relative_error([logits([0.0, 0.1])], zero)[0] == math.inf


def test_float16_outputs_do_not_overflow_the_norm() -> None:
    large = [np.full((1, 100), 60_000, dtype=np.float16)]
    assert relative_error(large, large) == (0.0, 0.0)  # type: ignore[arg-type]


def test_a_record_holds_the_error_its_bound_and_the_samples() -> None:
    record = check_outputs(recipe(), [logits([1.01, 2.0], [3.0, 4.0])], [logits([1.0, 2.0], [3.0, 4.0])])
    assert record.relative_error == pytest.approx(0.01 / math.sqrt(30), rel=1e-3)
    assert record.bound == recipe().max_relative_error
    assert record.samples == 2


def test_an_error_above_the_bound_names_both_and_says_what_to_do() -> None:
    with pytest.raises(ParityError, match=r"relative error 0\.148, int8-static allows 0\.1") as caught:
        check_outputs(recipe(), [logits([1.148])], [logits([1.0])])
    assert "calibration data" in caught.value.hint
    with pytest.raises(ParityError) as caught:
        check_outputs(recipe("fp32"), [logits([1.148])], [logits([1.0])])
    assert "converter" in caught.value.hint


@pytest.mark.parametrize(("name", "milder"), [("fp16", "fp32"), ("int8-dynamic", "fp16"), ("int4-weight", "fp16")])
def test_the_hint_names_a_milder_recipe_than_the_one_that_failed(name: str, milder: str) -> None:
    with pytest.raises(ParityError) as caught:
        check_outputs(recipe(name), [logits([2.0])], [logits([1.0])])
    assert f"such as {milder};" in caught.value.hint


@pytest.mark.parametrize("built", [[logits([1.0, 2.0])], [logits([1.0], [2.0])], [logits([1.0]), logits([1.0])], []])
def test_another_shape_or_number_of_outputs_is_no_parity(built: list[np.ndarray]) -> None:
    with pytest.raises(ParityError, match=r"shape|outputs"):
        check_outputs(recipe(), built, [logits([1.0])])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_on_either_side(bad: float) -> None:
    with pytest.raises(ParityError, match="the built file has NaN or infinite"):
        check_outputs(recipe(), [logits([bad])], [logits([1.0])])
    with pytest.raises(ParityError, match="source model itself"):
        check_outputs(recipe(), [logits([1.0])], [logits([bad])])


def test_a_float_file_under_an_int8_name_is_refused() -> None:
    with pytest.raises(UnsupportedRecipe, match=r"int8-static stores weights as int8 in onnx.*51624 bytes of float32"):
        check_constants(recipe(), "onnx", {"float32": 51_624, "int64": 32})
    with pytest.raises(UnsupportedRecipe, match="no constants"):
        check_constants(recipe(), "tflite", {})


def test_a_file_with_weights_in_the_recipes_dtype_passes() -> None:
    assert check_constants(recipe(), "tflite", {"int8": 12_544, "int32": 1488}) is None
    assert check_constants(recipe("int4-weight"), "onnx", {"uint4": 2368, "float32": 33_272}) is None
