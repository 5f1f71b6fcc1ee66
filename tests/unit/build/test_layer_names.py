"""Names of layers: they sort as operators run; patterns mean layers or are an error."""

from __future__ import annotations

import pytest

from edgerig.build.formats.layer_names import LISTED, apart_note, layer_names, meant, not_kept
from edgerig.errors import BuildError, ConfigError
from edgerig.spec import OwnRecipe, RecipeSpec, recipes_with

NAMES = layer_names(["Conv", "Relu", "Conv", "Gemm"])


def recipe(layers: object) -> RecipeSpec:
    own = OwnRecipe.model_validate({"like": "int8-static", "options": {"float_layers": layers}})
    return recipes_with({"mixed": own})["mixed"]


def test_names_have_as_many_digits_as_the_last_one_needs() -> None:
    assert NAMES == ("op00_Conv", "op01_Relu", "op02_Conv", "op03_Gemm")
    many = layer_names(["Add"] * 101)
    assert (many[0], many[100]) == ("op000_Add", "op100_Add")
    assert list(many) == sorted(many)
    assert layer_names([]) == ()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["op02_Conv"], ("op02_Conv",)),
        (["*_Conv"], ("op00_Conv", "op02_Conv")),
        (["op0[12]_*", "op03_*"], ("op01_Relu", "op02_Conv", "op03_Gemm")),
        ({"onnx": ["*"]}, NAMES),
        ({"tflite": ["nothing"], "onnx": ["op01_?elu"]}, ("op01_Relu",)),
    ],
)
def test_patterns_mean_layers_in_their_order(patterns: object, expected: tuple[str, ...]) -> None:
    assert meant(recipe(patterns), "onnx", NAMES) == expected


@pytest.mark.parametrize(("pattern", "near"), [("op0_Conv", "op00_Conv"), ("op02_conv", "op02_Conv"), ("op02*x", "")])
def test_one_that_means_none_is_an_error_beside_near_names(pattern: str, near: str) -> None:
    with pytest.raises(BuildError) as caught:
        meant(recipe([pattern]), "onnx", NAMES)
    assert f'float_layers "{pattern}" is no layer of the 4 in onnx' in caught.value.message
    assert near in caught.value.hint


def test_case_counts() -> None:
    with pytest.raises(BuildError):
        meant(recipe(["OP00_CONV"]), "onnx", NAMES)


def test_the_log_lists_all_names_where_some_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    meant(recipe(["op00_*"]), "onnx", NAMES)
    assert ", ".join(NAMES) in capsys.readouterr().out


def test_a_recipe_that_names_none_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert meant(recipes_with({})["int8-static"], "onnx", NAMES) == ()
    assert capsys.readouterr().out == ""
    assert apart_note((), 4) == ()


def test_a_note_counts_and_lists() -> None:
    assert apart_note(["a", "b"], 9) == ("float_layers: 2 of 9 layers compute in float32: a, b",)
    assert apart_note(["a"] * (LISTED + 3), 99)[0].endswith("and 3 more")
    assert "a, b: not in float32" in not_kept(recipe(["*"]), {"b", "a"}).message


def test_what_was_chosen_is_told_as_it_was_written() -> None:
    assert recipe(["op03_CONV_2D", "op0[12]*"]).options.told == {"float_layers": "op03_CONV_2D, op0[12]*"}
    assert recipe({"onnx": ["a"], "tflite": ["b", "c"]}).options.told == {"float_layers": "onnx: a; tflite: b, c"}


def test_a_format_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ConfigError, match='unknown format "tflight"'):
        recipe({"tflight": ["a"]})
