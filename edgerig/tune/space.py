"""What may be tried in a format: one's own recipes, edgerig's fixed ones, these with other options, and runs of layers
left in float or in 16 bits. Read from the rows of recipes: what a row offers is tried. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from edgerig import extras
from edgerig.plan import unsupported_reason
from edgerig.results.layers import LayerResult
from edgerig.spec import (
    FormatName,
    Lowering,
    OwnRecipe,
    RecipeOptions,
    RecipeSpec,
    Source,
    Strict,
    load_recipes,
    recipes_with,
)
from edgerig.spec.recipe_options import BY_LAYER, ByLayer

FLOAT = "fp32"
"""The recipe every other one is held against."""
WIDTHS: dict[ByLayer, str] = {"float_layers": "float", "int16_layers": "int16"}
"""What a run of layers is kept in, as names of candidates say it."""
SWITCHES = {"equalize": "equalized", "bias_correction": "corrected"}
"""Options that are on or off, as names of candidates say them."""
FEWEST_SAMPLES = 8
"""Of fewer, a range is chance."""


Own = Mapping[str, OwnRecipe]
"""A sweep's recipes of its own, by name."""


class Candidate(Strict):
    """A variant that may be tried; `own` is what its recipe means, None for one of edgerig's own rows."""

    format: FormatName
    recipe: str
    own: OwnRecipe | None = None

    @property
    def name(self) -> str:
        return f"{self.format}-{self.recipe}"


def fixed(source: Source, format_name: FormatName, own: Own | None = None) -> list[Candidate]:
    """One's `own` recipes, then those of edgerig's rows, in their order."""
    known = recipes_with(own or {})
    asked = [
        Candidate(format=format_name, recipe=name, own=recipe)
        for name, recipe in (own or {}).items()
        if not unsupported_reason(source, format_name, name, known)
    ]
    rows = [Candidate(format=format_name, recipe=row.name) for row in _rows(source, format_name) if row.name != FLOAT]
    return asked + rows


def _rows(source: Source, format_name: FormatName) -> list[RecipeSpec]:
    """The rows that the format can do with what is installed, without those whose numbers are another one's in other
    bytes: what a search judges by cannot tell them apart."""
    able = {
        name: row
        for name, row in load_recipes().items()
        if not unsupported_reason(source, format_name, name) and all(map(extras.installed, row.needs))
    }
    return [row for row in able.values() if row.numbers_of not in able]


def moves(source: Source, format_name: FormatName, samples: int, own: Own | None = None) -> Iterator[Candidate]:
    """Each recipe that offers a calibration method, with other options than a row, or one's `own` recipe, has: those
    with one change first, of all recipes in turn. `samples` are there to calibrate on."""
    rows = {(row.kind, row.options.model_dump_json()) for row in load_recipes().values()}
    of_each = [
        [(recipe, options) for options in _options(recipe.formats[format_name], samples)]
        for recipe in _tunable(source, format_name)
    ]
    each_in_turn = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*of_each)))
    found = (
        _own(format_name, recipe.name, options)
        for recipe, options in each_in_turn
        if (recipe.name, options.model_dump_json()) not in rows
    )
    return besides(found, own or {})


def besides(found: Iterable[Candidate], own: Own) -> Iterator[Candidate]:
    """Those of `found` that none of one's `own` recipes is, each under a name that none of them has."""
    meant = {(recipe.like, recipe.options.model_dump_json()) for recipe in own.values()}
    for each in found:
        if (kind_of(each), options_of(each).model_dump_json()) in meant:
            continue
        name = each.recipe
        while name in own:
            name += "-tried"
        yield each.model_copy(update={"recipe": name})


def _tunable(source: Source, format_name: FormatName) -> list[RecipeSpec]:
    return [
        row
        for row in _rows(source, format_name)
        if not row.like and row.formats[format_name].offers.get("calibration_method")
    ]


def _options(row: Lowering, samples: int) -> list[RecipeOptions]:
    """Every combination of what the row offers, in the order of how much it changes. Fewer samples are the last change
    to be tried: a method matters more."""
    switches = [_switch(row, name) for name in SWITCHES]
    combinations = itertools.product(_methods(row), _counts(samples), *switches)
    found = sorted(combinations, key=lambda each: (sum(map(bool, each)), each[1] is not None))
    return [
        RecipeOptions.model_validate(
            {"calibration_method": method or None, "calibration_samples": count}
            | dict(zip(SWITCHES, switched, strict=True))
        )
        for method, count, *switched in found
    ]


def _switch(row: Lowering, option: str) -> list[bool]:
    return [False, True] if True in row.offers.get(option, ()) else [False]


def _methods(row: Lowering) -> list[str]:
    """ "" is what the format does when nothing is said."""
    return ["", *map(str, row.offers.get("calibration_method", ())[1:])]


def _counts(samples: int) -> list[int | None]:
    return [None, *(count for count in (samples // 2, samples // 4) if count >= FEWEST_SAMPLES)]


def _own(format_name: FormatName, kind: str, options: RecipeOptions, last: str = "") -> Candidate:
    parts = [
        kind,
        *(word for name, word in SWITCHES.items() if getattr(options, name)),
        options.calibration_method or "",
    ]
    parts += [f"of{options.calibration_samples}" if options.calibration_samples else "", last]
    own = OwnRecipe(like=kind, options=options)
    return Candidate(format=format_name, recipe="-".join(filter(None, parts)), own=own)


def windows_base(source: Source, format_name: FormatName, tried: Sequence[Candidate]) -> list[Candidate]:
    """Those of `tried` (best first) whose layers may be left in float: of the first recipe in the rows that offers
    it, and whose own layers nobody has named."""
    kinds = [row.kind for row in _rows(source, format_name) if row.formats[format_name].offers.get("float_layers")]
    first = next(iter(kinds), None)
    return [
        each
        for each in tried
        if each.format == format_name
        and kind_of(each) == first
        and not any(getattr(options_of(each), option) for option in BY_LAYER)
    ]


def kind_of(candidate: Candidate) -> str:
    return candidate.own.like if candidate.own else load_recipes()[candidate.recipe].kind


def options_of(candidate: Candidate) -> RecipeOptions:
    return candidate.own.options if candidate.own else load_recipes()[candidate.recipe].options


def windows(base: Candidate, layers: Sequence[LayerResult]) -> list[Candidate]:
    """`base` with contiguous runs of its layers in float, and in 16 bits where its recipe can: of 1, 2, 4, … layers, up
    to half of them, the run each that loses most decibels. `layers` as they are computed, without inputs."""
    losses = [max(layer.drop_db or 0.0, 0.0) for layer in layers]
    found, size = [], 1
    while size <= len(layers) // 2:
        start = max(range(len(layers) - size + 1), key=lambda at: sum(losses[at : at + size]))
        run = layers[start : start + size]
        names = tuple(name for layer in run for name in (layer.name, *layer.fused))
        for option in _by_layer(load_recipes()[kind_of(base)].formats[base.format]):
            options = options_of(base).model_copy(update={option: {base.format: names}})
            last = f"{WIDTHS[option]}{size}at{start}-{base.format}"
            found.append(_own(base.format, kind_of(base), options, last))
        size *= 2
    return found


def _by_layer(row: Lowering) -> list[ByLayer]:
    """The options of the row that name layers."""
    return [option for option in BY_LAYER if row.offers.get(option)]


def grid(source: Source, format_name: FormatName, samples: int, layers: int, own: Own | None = None) -> int:
    """How many variants a full grid of the same space has: every combination of options, with every contiguous run of
    `layers` layers where a recipe may leave them in float or in 16 bits."""
    runs = layers * (layers + 1) // 2
    found = len(fixed(source, format_name, own))
    for recipe in _tunable(source, format_name):
        row = recipe.formats[format_name]
        found += len(_options(row, samples)) * (1 + runs * len(_by_layer(row))) - 1
    return found
