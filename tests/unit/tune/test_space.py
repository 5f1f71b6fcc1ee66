"""What is tried is what the rows of recipes offer, each once."""

from __future__ import annotations

import pytest

from edgerig import extras
from edgerig.results.layers import LayerResult
from edgerig.spec import OwnRecipe, load_formats, load_recipes, recipes_with
from edgerig.tune.space import Candidate, besides, fixed, grid, kind_of, moves, options_of, windows, windows_base

FORMATS = tuple(load_formats())


@pytest.mark.parametrize("name", FORMATS)
def test_every_candidate_can_be_planned_and_none_is_another_one(name: str) -> None:
    found = [*fixed("torch", name), *moves("torch", name, 128)]
    recipes = recipes_with({each.recipe: each.own for each in found if each.own})
    meant = [(recipes[each.recipe].kind, recipes[each.recipe].options.model_dump_json()) for each in found]
    assert len(set(meant)) == len(found) == len({each.recipe for each in found})
    assert not [each.recipe for each in found if recipes[each.recipe].formats[name].unsupported]


@pytest.mark.parametrize("name", FORMATS)
def test_each_value_a_row_offers_is_tried(name: str) -> None:
    found = list(moves("torch", name, 128))
    for kind, recipe in load_recipes().items():
        methods = recipe.formats[name].offers.get("calibration_method", ())[1:]
        if methods and not recipe.like and not recipe.numbers_of:
            of_kind = [options_of(each) for each in found if kind_of(each) == kind]
            assert set(methods) == {each.calibration_method for each in of_kind} - {None}
            assert {64, 32} == {each.calibration_samples for each in of_kind} - {None}
            equalized = [each for each in of_kind if each.equalize]
            assert bool(equalized) == (True in recipe.formats[name].offers.get("equalize", ()))


def test_one_change_is_tried_before_two() -> None:
    changes = [len(options_of(each).model_dump(exclude_defaults=True)) for each in moves("torch", "onnx", 0)]
    assert changes == sorted(changes)
    assert {1, 2, 3} == set(changes)


def layer(depth: int, drop: float) -> LayerResult:
    return LayerResult(
        depth=depth, name=f"op{depth:02}_Conv", operator="Conv", kind="convolution", sqnr_db=30.0, drop_db=drop
    )


def test_windows_are_the_runs_that_lose_most() -> None:
    base = Candidate(format="onnx", recipe="int8-static-equalized")
    found = windows(base, [layer(at, drop) for at, drop in enumerate((1, 9, 0, 5, 6, 0, -3, 0))])
    assert [options_of(each).layers("float_layers", "onnx") for each in found] == [
        ("op01_Conv",),
        ("op03_Conv", "op04_Conv"),
        ("op01_Conv", "op02_Conv", "op03_Conv", "op04_Conv"),
    ]
    assert all(options_of(each).equalize and kind_of(each) == "int8-static" for each in found)
    assert len(recipes_with({each.recipe: each.own for each in found if each.own})) == len(load_recipes()) + 3


def test_where_a_format_has_16_bits_a_run_is_tried_in_both() -> None:
    base = Candidate(format="tflite", recipe="int8-static")
    found = [options_of(each) for each in windows(base, [layer(at, drop) for at, drop in enumerate((1, 9, 0, 5))])]
    assert [(each.layers("float_layers", "tflite"), each.layers("int16_layers", "tflite")) for each in found] == [
        (("op01_Conv",), ()),
        ((), ("op01_Conv",)),
        (("op00_Conv", "op01_Conv"), ()),
        ((), ("op00_Conv", "op01_Conv")),
    ]


def test_only_a_recipe_that_leaves_layers_in_float_is_looked_into() -> None:
    tried = [Candidate(format="onnx", recipe=name) for name in ("fp16", "int8-static-equalized", "int8-static")]
    assert [each.recipe for each in windows_base("torch", "onnx", tried)] == ["int8-static-equalized", "int8-static"]


def test_a_grid_has_every_combination_with_every_run_of_layers() -> None:
    none, some = grid("torch", "executorch", 128, 0), grid("torch", "executorch", 128, 4)
    assert (
        none == len([*fixed("torch", "executorch"), *moves("torch", "executorch", 128)]) + 1
    )  # equalized is a row too
    assert some > none
    assert (some - none) % 10 == 0


def test_the_same_numbers_in_other_bytes_are_tried_once() -> None:
    kinds = {kind_of(each) for each in (*fixed("torch", "onnx"), *moves("torch", "onnx", 128))}
    assert "int8-static" in kinds
    assert "int8-static-unsigned" not in kinds
    assert load_recipes()["int8-static-unsigned"].numbers_of == "int8-static"


def test_a_recipe_of_an_extra_is_tried_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = {}
    for there in (False, True):
        monkeypatch.setattr(extras, "installed", lambda name, there=there: there or name != "nncf")
        tried[there] = [each.recipe for each in fixed("torch", "onnx")]
    assert set(tried[True]) - set(tried[False]) == {"int8-static-nncf"}


def own(**recipes: dict[str, object]) -> dict[str, OwnRecipe]:
    return {
        name.replace("_", "-"): OwnRecipe.model_validate({"like": "int8-static", "options": options})
        for name, options in recipes.items()
    }


def test_recipes_of_ones_own_are_tried_first_where_they_can_be() -> None:
    """A file's recipe may name the layers of one format alone, or what another cannot do."""
    mine = own(part={"float_layers": {"onnx": ["op00_*"]}}, wide={"int16_layers": ["op00_*"]})
    tried = {name: fixed("torch", name, mine) for name in ("onnx", "tflite", "executorch")}
    asked = {name: [each.recipe for each in found if each.own] for name, found in tried.items()}
    assert asked == {"onnx": ["part"], "tflite": ["wide"], "executorch": []}
    assert tried["onnx"][0] == Candidate(format="onnx", recipe="part", own=mine["part"])
    assert tried["onnx"][1:] == fixed("torch", "onnx")
    assert grid("torch", "onnx", 128, 4, mine) == grid("torch", "onnx", 128, 4) + 1


def test_what_ones_own_recipe_is_already_is_not_tried_again() -> None:
    """Another one that would have its name gets one that is nobody's: trials are known by their names."""
    mine = own(mine={"calibration_method": "mse"}, int8_static_entropy={"calibration_method": "percentile"})
    without, found = list(moves("torch", "onnx", 128)), list(moves("torch", "onnx", 128, mine))
    assert len(without) - len(found) == 2
    entropy = [each.recipe for each in found if each.own == own(x={"calibration_method": "entropy"})["x"]]
    assert entropy == ["int8-static-entropy-tried"]
    assert list(besides(without, {})) == without


def test_layers_that_somebody_named_are_left_as_they_are() -> None:
    mine = Candidate(format="onnx", recipe="part", own=own(part={"float_layers": ["op00_*"]})["part"])
    static = Candidate(format="onnx", recipe="int8-static")
    assert windows_base("torch", "onnx", [mine, static]) == [static]
