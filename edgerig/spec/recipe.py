"""Recipes and formats: the rows of `build/recipes.toml` and `build/formats.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from edgerig.errors import ConfigError
from edgerig.plugins import remembered
from edgerig.spec.engine import load_engines
from edgerig.spec.recipe_options import AUTO, BY_LAYER, OfferedValue, RecipeOptions, refusal
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
    offers: dict[str, tuple[OfferedValue, ...]] = Field(default={})
    """Option of `RecipeOptions` → the values it can have here, the first being what is done when nothing is said."""
    lacks: dict[str, str] = Field(default={})
    """Option of `RecipeOptions` → why the format cannot do it, where there is more to say than that."""

    @model_validator(mode="after")
    def _said(self) -> Self:
        if not self.unsupported and not (self.weights and self.activations and self.source):
            raise ValueError('give "weights", "activations" and "source", or "unsupported" with the reason')
        return self


class RecipeSpec(Strict):
    """A quantization recipe, a row of `build/recipes.toml`; `load_recipes` gives `formats` a lowering for every format.

    `calibration` says whether the recipe needs calibration data. `like` is the recipe this one is with other `options`:
    what a builder knows how to lower is `kind`. `numbers_of` is the recipe whose very numbers this one writes in other
    bytes. `needs` are distributions beyond those of its formats, which an extra of their own brings.
    """

    name: str
    summary: str = ""
    calibration: bool = False
    formats: dict[FormatName, Lowering] = Field(default={})
    like: str = ""
    options: RecipeOptions = RecipeOptions()
    numbers_of: str = ""
    needs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.like and not (self.summary and self.formats):
            raise ValueError('give "summary", "calibration" and "formats", or "like" with "options"')
        return self

    @property
    def kind(self) -> str:
        return self.like or self.name

    def by_device(self, format_name: str) -> bool:
        """Is the range of weights settled for each device apart?"""
        return self.options.reduce_range == AUTO and AUTO in self.formats[format_name].offers.get("reduce_range", ())

    def with_reduced(self, reduced: bool) -> RecipeSpec:
        """The same, where it depends on the device, with `reduce_range` settled."""
        if self.options.reduce_range != AUTO:
            return self
        return self.model_copy(update={"options": self.options.model_copy(update={"reduce_range": reduced})})

    def method(self, format_name: FormatName) -> OfferedValue:
        """How ranges are made of what calibration sees: as chosen, else as the format does."""
        return self.options.calibration_method or self.formats[format_name].offers["calibration_method"][0]


class OwnRecipe(Strict):
    """A recipe of a sweep's own: another one with other options."""

    like: str
    summary: str = ""
    options: RecipeOptions = RecipeOptions()


class ToolSpec(Strict):
    """A converter in a Python environment of its own (`edgerig/toolenv.py`): `packages` names each with its version."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    packages: tuple[str, ...] = Field(min_length=1)


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
    no_operator: dict[Source, tuple[str, ...]] = Field(default={})
    """Source → operators of its files that its route takes in no form: a file that has one is refused by the plan."""
    tools: tuple[str, ...]
    """Distributions whose version changes what is built; part of an artifact's key."""
    tool: ToolSpec | None = None
    """What converts, where this environment cannot have it."""
    options: dict[str, tuple[str, ...]] = Field(default={})
    """Option name → allowed values, the first being the default."""
    apart: bool = False
    """Is each recipe lowered from the network by itself? Little of a build is then shared, so that a second process is
    worth its start; elsewhere they share a conversion that takes most of the time."""
    recipes: dict[str, Lowering] = Field(default={})
    """Recipe → what it means here, for the recipes whose own rows do not say."""
    no_recipe: str = ""
    """Why it has no other recipes, where there is more to say than that."""
    as_is: bool = True
    """Is a file of it run as it is? False: there is no such file but those built here, or it is a source's."""
    runs_code: str = ""
    """Why opening a file of it runs code that is in it: one that was not built here is opened when that is asked for.
    "": it does not."""
    machines: tuple[str, ...] = ()
    """Processors, as their kernels name them, for each of which a variant has a file of its own, of machine code. ():
    one file is for all."""

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
    rows = load_rows(RecipeSpec, "recipe")
    recipes = {name: row for name, row in rows.items() if not row.like}
    for name, recipe in recipes.items():
        _all_known("format", recipe.formats, load_formats(), f"[recipe.{name}]")
        _all_known("recipe", {recipe.numbers_of: None} if recipe.numbers_of else {}, recipes, f"[recipe.{name}]")
    for name, row in load_formats().items():
        _all_known("recipe", row.recipes, recipes, f"[format.{name}]")
    known = {name: recipe.model_copy(update={"formats": _lowerings(recipe)}) for name, recipe in recipes.items()}
    for name, other in rows.items():
        if other.like:
            given = OwnRecipe(like=other.like, summary=other.summary, options=other.options)
            known[name] = _own(name, given, known)
    return {name: known[name] for name in rows}


def recipes_with(own: Mapping[str, OwnRecipe]) -> dict[str, RecipeSpec]:
    """Every recipe by name, with a sweep's own behind the others. Raises ConfigError."""
    recipes = load_recipes()
    return recipes | {name: _own(name, row, recipes) for name, row in own.items()}


def _own(name: str, row: OwnRecipe, recipes: Mapping[str, RecipeSpec]) -> RecipeSpec:
    where = f"[recipe.{name}]"
    if name in recipes:
        raise ConfigError(f"{where}: there is such a recipe already", hint="give it another name")
    if row.like not in recipes:
        raise unknown("recipe", row.like, recipes, f'{where}: key "like"')
    base = recipes[row.like]
    if base.like:
        raise ConfigError(f"{where}: {row.like} is itself like {base.like}", hint=f'write like = "{base.like}"')
    if row.options == RecipeOptions():
        raise ConfigError(f"{where}: it is {row.like} and nothing else", hint='give it "options"')
    for option in BY_LAYER:
        if isinstance(layers := getattr(row.options, option), dict):
            _all_known("format", layers, load_formats(), f"{where}: {option}")
    if row.options.calibrates and not base.calibration:
        raise ConfigError(
            f"{where}: {row.like} takes no ranges from calibration data",
            hint="leave calibration_method and calibration_samples out, or choose int8-static",
        )
    return base.model_copy(
        update={
            "name": name,
            "like": row.like,
            "summary": row.summary or f"{row.like} with options of one's own",
            "options": row.options,
            "formats": {each: _chosen(name, row, each, lowering) for each, lowering in base.formats.items()},
        }
    )


def _chosen(name: str, row: OwnRecipe, format_name: str, lowering: Lowering) -> Lowering:
    why = lowering.unsupported or refusal(row.options, name, format_name, lowering.offers, lowering.lacks)
    return Lowering(unsupported=why) if why else lowering


def _lowerings(recipe: RecipeSpec) -> dict[FormatName, Lowering]:
    return {
        name: recipe.formats.get(name) or row.recipes.get(recipe.name) or _not_available(recipe.name, row)
        for name, row in load_formats().items()
    }


def _not_available(recipe: str, row: FormatSpec) -> Lowering:
    why = row.no_recipe or "neither row says how"
    return Lowering(unsupported=f"nothing builds {recipe} in the format {row.name}: {why}")


def _all_known(what: str, named: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    for name in named:
        if name not in known:
            raise unknown(what, name, known, where)
