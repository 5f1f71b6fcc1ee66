"""Recipes and formats: the rows of `build/recipes.toml` and `build/formats.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from edgerig.plugins import remembered
from edgerig.spec.engine import load_engines
from edgerig.spec.rows import load_rows
from edgerig.spec.toml import FormatName, Source, Strict, nearest, unknown


class Lowering(Strict):
    """What a recipe means in one format, or why the format cannot do it (`unsupported`)."""

    unsupported: str = ""
    weights: str = ""
    activations: str = ""
    granularity: str = ""
    note: str = ""
    source: str = ""
    constant_dtypes: tuple[str, ...] = ()
    """Dtypes the file's weights are stored in; a built file without constants of each was not lowered (`check.py`).
    "int8|uint8" is either."""

    @model_validator(mode="after")
    def _said(self) -> Self:
        if not self.unsupported and not (self.weights and self.activations and self.source):
            raise ValueError('give "weights", "activations" and "source", or "unsupported" with the reason')
        return self


class RecipeSpec(Strict):
    """A quantization recipe, a row of `build/recipes.toml`; `load_recipes` gives `formats` a lowering for every format.

    `calibration` says whether the recipe needs calibration data.
    """

    name: str
    summary: str
    calibration: bool
    formats: dict[FormatName, Lowering]


class FormatSpec(Strict):
    """A format, a row of `build/formats.toml`: its builder (imported only in a build's process) and its engine."""

    name: FormatName
    summary: str
    builder: str = Field(pattern=r"^[\w.]+:\w+$")
    engine: str
    suffix: str
    routes: dict[Source, str]
    """Source → what makes the float form the recipes start from, as "module:function" (imported as `builder` is)."""
    no_route: dict[Source, str] = Field(default={})
    """Source → why nothing builds this format from it, where there is more to say than that."""
    tools: tuple[str, ...]
    """Distributions whose version changes what is built; part of an artifact's key."""
    options: dict[str, tuple[str, ...]] = Field(default={})
    """Option name → allowed values, the first being the default."""
    apart: bool = False
    """Is each recipe lowered from the network by itself? Little of a build is then shared, so that a second process is
    worth its start; elsewhere they share a conversion that takes most of the time."""
    recipes: dict[str, Lowering] = Field(default={})
    """Recipe → what it means here, for the recipes whose own rows do not say."""

    @model_validator(mode="after")
    def _known_engine(self) -> Self:
        if self.engine not in load_engines():
            raise ValueError(f'unknown engine "{self.engine}": {nearest(self.engine, load_engines())}')
        if both := self.routes.keys() & self.no_route.keys():
            raise ValueError(f'a source stands under "routes" or "no_route", not both: {", ".join(sorted(both))}')
        return self


@remembered
def load_formats() -> dict[str, FormatSpec]:
    """Every format by name, in the order of the rows."""
    return load_rows(FormatSpec, "format")


@remembered
def load_recipes() -> dict[str, RecipeSpec]:
    """Every recipe by name, in the order of the rows, each with a lowering for every format.

    Raises ConfigError where a recipe names a format, or a format a recipe, that there is none of.
    """
    recipes = load_rows(RecipeSpec, "recipe")
    for name, recipe in recipes.items():
        _all_known("format", recipe.formats, load_formats(), f"[recipe.{name}]")
    for name, row in load_formats().items():
        _all_known("recipe", row.recipes, recipes, f"[format.{name}]")
    return {name: recipe.model_copy(update={"formats": _lowerings(recipe)}) for name, recipe in recipes.items()}


def _lowerings(recipe: RecipeSpec) -> dict[FormatName, Lowering]:
    return {
        name: recipe.formats.get(name) or row.recipes.get(recipe.name) or _not_available(recipe.name, name)
        for name, row in load_formats().items()
    }


def _not_available(recipe: str, format_name: str) -> Lowering:
    return Lowering(unsupported=f"nothing builds {recipe} in the format {format_name}: neither row says how")


def _all_known(what: str, named: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    for name in named:
        if name not in known:
            raise unknown(what, name, known, where)
