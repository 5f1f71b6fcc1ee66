"""What layers lose → what to do, and what that rests on."""

from __future__ import annotations

from typing import Any

import pytest

from edgerig.measure.layer_advice import advice
from edgerig.results.layers import Advice, LayerResult
from edgerig.spec import FormatName, OwnRecipe, load_recipes, recipes_with


def layer(depth: int, sqnr: float, drop: float | None, **more: Any) -> LayerResult:
    known = {"operator": "CONV_2D", "kind": "convolution", "name": f"op{depth:02}_CONV_2D"}
    return LayerResult(depth=depth, sqnr_db=sqnr, drop_db=drop, **(known | more))


def advised(
    *layers: LayerResult, below: int | None = 1, worst: int | None = 1, kind: str = "int8-static"
) -> list[Advice]:
    return list(advice(layers, below, worst, load_recipes()[kind], "tflite"))


def remedies(found: list[Advice]) -> list[str]:
    return [each.remedy for each in found]


SOUND = layer(0, 40.0, None)
BAD = {"sqnr": 10.0, "drop": 30.0}


def test_nothing_under_the_threshold_needs_nothing() -> None:
    found = advised(SOUND, layer(1, 30.0, 10.0), below=None, worst=None)
    assert remedies(found) == ["nothing"]
    assert "op01_CONV_2D with 30.0 dB" in found[0].evidence


def test_a_suspect_alone_stays_in_float() -> None:
    found = advised(SOUND, layer(1, **BAD), layer(2, 9.0, 1.0))
    assert remedies(found) == ["float-layers"]
    assert 'float_layers = ["op01_CONV_2D"]' in found[0].text
    assert "drops 30.0 dB" in found[0].evidence


def test_neighbours_that_lose_half_as_much_go_along() -> None:
    found = advised(SOUND, layer(1, 22.0, 18.0), layer(2, -10.0, 32.0), layer(3, -20.0, 10.0), below=2, worst=2)
    assert found[-1].layers == ("op01_CONV_2D", "op02_CONV_2D")


@pytest.mark.parametrize(("steps", "sqnr", "said"), [(48.0, 8.0, True), (0.5, 42.0, False), (40.0, 30.0, False)])
def test_weights_that_no_rounding_gives_are_said(steps: float, sqnr: float, said: bool) -> None:
    found = advised(SOUND, layer(1, **BAD, weights_steps=steps, weights_sqnr_db=sqnr))
    assert (found[0].remedy == "build-again") is said
    assert not said or "48.0 steps" in found[0].evidence


@pytest.mark.parametrize(
    ("outside", "beyond", "said"), [(0.02, 0.5, True), (0.02, 0.05, False), (1e-4, 0.5, False), (None, None, False)]
)
def test_values_far_beyond_calibrated_ranges_ask_for_calibration(
    outside: float | None, beyond: float | None, said: bool
) -> None:
    found = advised(SOUND, layer(1, **BAD, outside=outside, beyond=beyond))
    assert ("calibrate" in remedies(found)) is said
    assert not said or "2.00 %" in found[0].evidence


def test_channels_of_different_ranges_ask_for_equalization() -> None:
    found = advised(SOUND, layer(1, **BAD, spread=20.0))
    assert remedies(found) == ["equalize", "float-layers"]
    assert "int8-static-equalized" in found[0].text
    assert "20 times" in found[0].evidence


def test_ranges_matter_to_calibrated_recipes_alone() -> None:
    found = advised(SOUND, layer(1, **BAD, spread=20.0, outside=0.02, beyond=0.5), kind="int8-dynamic")
    assert remedies(found) == ["another-recipe"]
    assert "float_layers =" not in found[0].text


def test_what_is_equalized_is_not_to_be_equalized_again() -> None:
    layers = [SOUND, layer(1, **BAD, spread=20.0)]
    assert remedies(list(advice(layers, 1, 1, load_recipes()["int8-static-equalized"], "tflite"))) == ["float-layers"]


@pytest.mark.parametrize(
    ("kind", "format_name", "said", "unsaid"),
    [
        ("int8-static", "onnx", "float_layers", "16"),
        ("int8-dynamic", "onnx", "fp16", "float_layers"),
        ("int16x8", "tflite", "float_layers", "int16x8"),
        ("int8-full", "tflite", "int16x8", "float_layers"),
        ("int8-static", "tflite", "calibration_method mse or percentile, or the recipe int16x8", "fp16"),
        ("int8-static", "executorch", "calibration_method percentile, or a contiguous", "mse"),
    ],
)
def test_nothing_is_advised_that_recipe_and_format_have_not(
    kind: str, format_name: FormatName, said: str, unsaid: str
) -> None:
    (found,) = advice([SOUND, layer(1, 19.0, 3.0)], 1, None, load_recipes()[kind], format_name)
    assert said in found.text
    assert unsaid not in found.text


def test_no_method_is_advised_that_is_in_use_and_no_recipe_of_another_kind_to_equalize() -> None:
    own = OwnRecipe.model_validate({"like": "int8-full", "options": {"calibration_method": "percentile"}})
    recipe = recipes_with({"mine": own})["mine"]
    (found,) = advice([SOUND, layer(1, 19.0, 3.0)], 1, None, recipe, "tflite")
    assert "calibration_method mse, or" in found.text
    found, _ = advice([SOUND, layer(1, **BAD, spread=20.0)], 1, 1, recipe, "tflite")
    assert "equalize = true in a recipe of your own, like int8-full" in found.text
    assert "int8-static-equalized" not in found.text


def test_where_every_layer_loses_a_little_more_bits_are_the_way() -> None:
    found = advised(SOUND, layer(1, 19.0, 3.0), worst=None)
    assert remedies(found) == ["more-bits"]
    assert found[0].text.startswith("every layer loses a little: ")
    assert "int16x8" in found[0].text


WRITER = layer(0, 53.0, None, range_sqnr_db=53.0)
READER = {"sqnr": 1.0, "drop": 49.0, "weights_sqnr_db": 45.0, "range_sqnr_db": 40.0}


def test_a_wide_activation_is_cured_at_both_of_its_ends() -> None:
    """The noise of its writer's range is all that its reader has: in integers between them it would be made again."""
    layers = [WRITER, layer(1, **READER, reads=(WRITER.name,))]
    (found,) = advised(*layers)
    assert found.layers == ("op00_CONV_2D", "op01_CONV_2D")
    assert 'int16_layers = ["op00_CONV_2D", "op01_CONV_2D"]' in found.text
    assert "leave 40.0 dB: it is the activation of op00_CONV_2D that is too wide" in found.evidence
    (found,) = advice(layers, 1, 1, load_recipes()["int8-static"], "onnx")
    assert "float_layers" in found.text
    assert "int16_layers" not in found.text


def test_what_only_moves_values_is_no_end() -> None:
    pad = layer(1, 53.0, 0.0, name="op01_PAD", kind="movement", range_sqnr_db=53.0, reads=(WRITER.name,))
    (found,) = advised(WRITER, pad, layer(2, **READER, reads=(pad.name,)), below=2, worst=2)
    assert found.layers == ("op00_CONV_2D", "op01_PAD", "op02_CONV_2D")
    assert "activation of op00_CONV_2D that" in found.evidence


def test_noise_from_further_up_is_not_the_writers_fault() -> None:
    writer = layer(0, 23.0, None, weights_sqnr_db=44.0, range_sqnr_db=45.0, reads=("op_before",))
    (found,) = advised(writer, layer(1, **READER, reads=(writer.name,)))
    assert found.remedy == "more-bits"
    assert "int16x8" in found.text
    assert found.text.startswith("the noise of op01_CONV_2D is that of many layers before it: ")
    assert "leave 40.0 dB: the noise of the layers before it weighs more here" in found.evidence


def test_a_range_too_wide_for_its_values_takes_its_readers_along() -> None:
    wide = layer(1, 10.0, 30.0, weights_sqnr_db=45.0, range_sqnr_db=11.0, reads=(SOUND.name,))
    behind = [layer(2, 9.0, 1.0, reads=(wide.name,)), layer(3, 9.0, 0.0, reads=("op02_CONV_2D",))]
    (found,) = advised(SOUND, wide, *behind)
    assert found.layers == ("op01_CONV_2D", "op02_CONV_2D")


def test_damaged_weights_are_cured_where_they_are() -> None:
    damaged = layer(1, 10.0, 30.0, weights_sqnr_db=11.0, weights_steps=0.5, range_sqnr_db=45.0, reads=(WRITER.name,))
    (found,) = advised(WRITER, damaged, layer(2, 9.0, 1.0, reads=(damaged.name,)))
    assert found.layers == ("op01_CONV_2D",)


@pytest.mark.parametrize("worst", [0, None])
def test_an_input_beyond_its_calibrated_range_is_calibrated_and_nothing_else(worst: int | None) -> None:
    fed = layer(0, 7.6, 42.0, name="image", operator="INPUT", kind="other", range_sqnr_db=7.6, outside=0.3, beyond=1.0)
    (found,) = advised(fed, layer(1, 7.0, 0.6, reads=("image",)), below=0, worst=worst)
    assert found.remedy == "calibrate"
    assert found.layers == ("image",)
