"""Recipes and formats: the rows of `build/recipes.toml` and `build/formats.toml`."""

from __future__ import annotations

from functools import cache
from typing import Self, get_args

from pydantic import Field, model_validator

from edgerig.spec.toml import PACKAGE, FormatName, Source, Strict, parse, read_toml


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
    """A quantization recipe, a row of `build/recipes.toml`.

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
    no_route: dict[Source, str]
    """Source → why nothing builds this format from it."""
    tools: tuple[str, ...]
    """Distributions whose version changes what is built; part of an artifact's key."""
    options: dict[str, tuple[str, ...]] = Field(default={})
    """Option name → allowed values, the first being the default."""

    @model_validator(mode="after")
    def _every_source(self) -> Self:
        if {*self.routes, *self.no_route} != set(get_args(Source)) or self.routes.keys() & self.no_route.keys():
            raise ValueError('each source stands either under "routes" or, with the reason, under "no_route"')
        return self


@cache
def load_recipes() -> dict[str, RecipeSpec]:
    """Every recipe by name, in the order of `build/recipes.toml`."""
    path = PACKAGE / "build" / "recipes.toml"
    return {n: parse(RecipeSpec, {"name": n, **row}, f"{path}: [{n}]") for n, row in read_toml(path).items()}


@cache
def load_formats() -> dict[str, FormatSpec]:
    """Every format by name, in the order of `build/formats.toml`."""
    path = PACKAGE / "build" / "formats.toml"
    return {n: parse(FormatSpec, {"name": n, **row}, f"{path}: [{n}]") for n, row in read_toml(path).items()}
