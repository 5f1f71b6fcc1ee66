"""The recipe table is complete and says where each rule comes from."""

from __future__ import annotations

import pytest

from edgerig.spec import Lowering, RecipeSpec, load_formats, load_recipes

NAMES = (
    *("fp32", "fp16", "int8-dynamic", "int8-static", "int8-static-equalized"),
    *("int8-full", "int8-static-unsigned", "int8-static-nncf", "int8-weight", "int4-weight", "int16x8"),
)
ROWS = list(load_recipes().values())
LOWERINGS = [(row.name, name, lowering) for row in ROWS for name, lowering in row.formats.items()]


def test_the_table_holds_the_recipes_in_order() -> None:
    assert tuple(load_recipes()) == NAMES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_recipe_speaks_of_every_format(row: RecipeSpec) -> None:
    assert set(row.formats) == set(load_formats())
    assert row.summary


@pytest.mark.parametrize(("recipe", "format_name", "lowering"), LOWERINGS)
def test_a_lowering_is_either_explained_or_refused_with_a_reason(
    recipe: str, format_name: str, lowering: Lowering
) -> None:
    if lowering.unsupported:
        assert len(lowering.unsupported) > 40
        assert not lowering.constant_dtypes
    else:
        assert lowering.source
        assert lowering.constant_dtypes


def test_only_recipes_with_fixed_activation_ranges_ask_for_calibration() -> None:
    assert [row.name for row in ROWS if row.calibration] == [
        "int8-static",
        "int8-static-equalized",
        "int8-full",
        "int8-static-unsigned",
        "int8-static-nncf",
        "int16x8",
    ]


def test_an_equalized_recipe_is_int8_static_with_an_option() -> None:
    row = load_recipes()["int8-static-equalized"]
    assert row.kind == "int8-static"
    assert row.options.told == {"equalize": "true"}
    calibrated = load_recipes()["int8-static"].formats
    assert {name for name, lowering in row.formats.items() if not lowering.unsupported} == {
        name for name, lowering in calibrated.items() if not lowering.unsupported
    }
