"""The two checks every build must pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgerig.build.check import check_constants, check_outputs, far_note, float_note
from edgerig.errors import ParityError, UnsupportedRecipe
from edgerig.spec import RecipeSpec, load_recipes


def recipe(name: str = "int8-static") -> RecipeSpec:
    return load_recipes()[name]


def logits(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_record_holds_each_outputs_error_and_the_worst_in_front() -> None:
    boxes, scores = 1000 * noise(16, 8), noise(16, 3, seed=1)
    record = check_outputs(["boxes", "scores"], [boxes + 1, scores[::-1].copy()], [boxes, scores])
    assert record.worst == "scores"
    assert record.relative_error == record.outputs[1].relative_error > 0.5
    assert record.outputs[0].relative_error < 0.01
    assert record.samples == 16


@pytest.mark.parametrize("error", [0.01, 0.15, 0.9])
def test_how_far_off_an_output_is_is_a_figure_and_no_reason_to_refuse_it(error: float) -> None:
    source = noise(16, 10)
    record = check_outputs(["y"], [source + error * noise(16, 10, seed=1)], [source])
    assert record.relative_error == pytest.approx(error, rel=0.2)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda y: np.full_like(y, 0.25), "0.25 everywhere"),
        (lambda y: np.repeat(y[:1], len(y), axis=0), "the same for every sample"),
        (lambda y: noise(*y.shape, seed=9), "uncorrelated"),
        (lambda y: -y, "uncorrelated"),
        (lambda y: y.mean(axis=0) + noise(*y.shape, seed=9), "from sample to sample"),
    ],
)
def test_an_output_that_is_no_computation_of_the_sources_is_refused_by_name(made: Any, said: str) -> None:
    source = noise(16, 10) + np.arange(10, dtype=np.float32)
    with pytest.raises(ParityError, match=rf'output "y" of the built file is broken: .*{said}'):
        check_outputs(["y"], [made(source).astype(np.float32)], [source])


def test_a_network_whose_outputs_hardly_differ_between_samples_is_not_called_uncorrelated() -> None:
    source = np.arange(100, dtype=np.float32) + 0.1 * noise(16, 100)
    check_outputs(["y"], [source + noise(16, 100, seed=1)], [source])


def test_a_float_build_that_is_not_its_source_is_said() -> None:
    source = noise(16, 10)
    for error, notes in ((1e-6, 0), (0.02, 1)):
        check = check_outputs(["y"], [source + error * noise(16, 10, seed=1)], [source])
        assert len(float_note(recipe("fp32"), check)) == notes
        assert float_note(recipe("int8-static"), check) == ()


def test_a_build_of_fewer_bits_that_is_far_from_its_source_is_said() -> None:
    source = noise(16, 10)
    for error, notes in ((0.1, 0), (0.5, 1)):
        check = check_outputs(["y"], [source + error * noise(16, 10, seed=1)], [source])
        (said,) = far_note(recipe("int8-static"), check) or ("",)
        assert ('in output "y"' in said and "calibration" in said) is bool(notes)
        assert "its weights" in "".join(far_note(recipe("int4-weight"), check)) or not notes
        assert far_note(recipe("fp32"), check) == ()


def test_an_index_output_is_compared_by_agreement() -> None:
    source = np.arange(12).reshape(4, 3)
    swapped = source.copy()
    swapped[0, :2] = source[0, 1::-1]
    record = check_outputs(["index"], [swapped], [source])
    assert (record.relative_error, record.worst) == (None, None)
    assert record.outputs[0].agreement == pytest.approx(10 / 12)


@pytest.mark.parametrize("built", [[logits([1.0, 2.0])], [logits([1.0], [2.0])], [logits([1.0]), logits([1.0])], []])
def test_another_shape_or_number_of_outputs_is_no_parity(built: list[np.ndarray]) -> None:
    with pytest.raises(ParityError, match=r"shape|outputs"):
        check_outputs([f"y{i}" for i in range(len(built))], built, [logits([1.0])])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_on_either_side(bad: float) -> None:
    with pytest.raises(ParityError, match="it has NaN or infinite"):
        check_outputs(["y"], [logits([bad])], [logits([1.0])])
    with pytest.raises(ParityError, match="source's own values are NaN or infinite"):
        check_outputs(["y"], [logits([1.0])], [logits([bad])])


def test_a_float_file_under_an_int8_name_is_refused() -> None:
    with pytest.raises(
        UnsupportedRecipe, match=r"int8-static stores weights as int8 or uint8 in onnx.*51624 bytes of float32"
    ):
        check_constants(recipe(), "onnx", {"float32": 51_624, "int64": 32})
    with pytest.raises(UnsupportedRecipe, match="no constants"):
        check_constants(recipe(), "tflite", {})


def test_a_file_with_weights_in_the_recipes_dtype_passes() -> None:
    check_constants(recipe(), "tflite", {"int8": 12_544, "int32": 1488})
    check_constants(recipe("int4-weight"), "onnx", {"uint4": 2368, "float32": 33_272})
    check_constants(recipe(), "onnx", {"uint8": 324})  # of two dtypes, one
