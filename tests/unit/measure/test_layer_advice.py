"""What layers lose → what to do, and what that rests on."""

from __future__ import annotations

from typing import Any

import pytest

from edgerig.measure.layer_advice import advice
from edgerig.results.layers import Advice, LayerResult


def layer(depth: int, sqnr: float, drop: float | None, **more: Any) -> LayerResult:
    known = {"operator": "CONV_2D", "kind": "convolution", "name": f"op{depth:02}_CONV_2D"}
    return LayerResult(depth=depth, sqnr_db=sqnr, drop_db=drop, **(known | more))


def advised(
    *layers: LayerResult, below: int | None = 1, worst: int | None = 1, kind: str = "int8-static"
) -> list[Advice]:
    return list(advice(layers, below, worst, kind, "tflite"))


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
    assert remedies(list(advice(layers, 1, 1, "int8-static", "tflite", equalized=True))) == ["float-layers"]


@pytest.mark.parametrize(
    ("kind", "format_name", "said", "unsaid"),
    [
        ("int8-static", "onnx", "float_layers", "16"),
        ("int8-dynamic", "onnx", "fp16", "float_layers"),
        ("int16x8", "tflite", "float_layers", "int16x8"),
        ("int8-full", "tflite", "int16x8", "float_layers"),
    ],
)
def test_nothing_is_advised_that_recipe_and_format_have_not(
    kind: str, format_name: str, said: str, unsaid: str
) -> None:
    (found,) = advice([SOUND, layer(1, 19.0, 3.0)], 1, None, kind, format_name)
    assert said in found.text
    assert unsaid not in found.text


def test_where_every_layer_loses_a_little_more_bits_are_the_way() -> None:
    found = advised(SOUND, layer(1, 19.0, 3.0), worst=None)
    assert remedies(found) == ["more-bits"]
    assert "int16x8" in found[0].text
