"""From what layers lose to what to do about it, each with the figures it rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgerig.measure.layers import INPUT
from edgerig.measure.suspect import source_of
from edgerig.results.layers import Advice, LayerResult
from edgerig.spec import FormatName, RecipeSpec, load_recipes

ROUNDED = 1.0
"""Steps: rounding moves a weight by half a one, a range that was cut at its end (percentile, mse) moves more, of which
the SQNR then tells nothing yet."""
WEAK_WEIGHTS_DB = 20.0
"""8-bit weights of trained networks measure 35 to 50 dB; below this the file's weights are others."""
OUTSIDE, BEYOND = 1e-3, 0.1
"""Share of values beyond the calibrated range, and how far beyond, in its widths, from which calibration is to blame:
the largest of many values is a little beyond the largest of fewer, and costs nothing."""
SPREAD = 8.0
"""Channels that differ by so much leave the median one 3 of 8 bits fewer."""
WINDOW = 0.5
"""Neighbours that lose so much of what the suspect does belong to what is kept in float: a contiguous run of layers
recovers more than the same number chosen one by one, since each end of a run converts."""
METHODS = ("mse", "percentile")
"""Ways to make ranges narrower than what calibration saw, the likelier first."""
MORE_BITS, LAYERED, EQUALIZED = "int16x8", "int8-static", "int8-static-equalized"
"""Recipes that are advised where the format has them and the recipe is another one."""
PASSING = ("movement",)
"""Kinds of layers that hand on what they read, noise and all."""


def advice(
    layers: Sequence[LayerResult],
    below: int | None,
    worst: int | None,
    recipe: RecipeSpec,
    format_name: FormatName,
) -> tuple[Advice, ...]:
    """What to do, the likeliest first; `below` and `worst` are the depths of the first layer under the threshold and of
    the suspect. Nothing is advised that the recipe, by its row, has not in the format, or does already."""
    if below is None:
        return (_nothing(layers),)
    if worst is None:
        return tuple(_gradual(layers, below, recipe, format_name))
    return tuple(_of_suspect(layers, worst, recipe, format_name))


def _has(recipe: RecipeSpec, format_name: FormatName, option: str) -> bool:
    return option in recipe.formats[format_name].offers


def _nothing(layers: Sequence[LayerResult]) -> Advice:
    known = [each for each in layers if each.sqnr_db is not None]
    lowest = min(known, key=lambda each: each.sqnr_db or 0.0, default=None)
    evidence = "" if lowest is None else f"the lowest is {lowest.name} with {lowest.sqnr_db:.1f} dB"
    return Advice(remedy="nothing", text="no layer is under the threshold: nothing to cure", evidence=evidence)


def _of_suspect(
    layers: Sequence[LayerResult], worst: int, recipe: RecipeSpec, format_name: FormatName
) -> Iterator[Advice]:
    suspect = layers[worst]
    if _other_weights(suspect):
        yield Advice(
            remedy="build-again",
            text=f"{suspect.name} holds other weights than its float twin: build the file anew, and look at what "
            "was done to it since, or at the converter",
            evidence=f"its weights' SQNR is {suspect.weights_sqnr_db:.1f} dB, and one is "
            f"{suspect.weights_steps:.1f} steps of its scale off, where rounding gives 0.5",
            layers=(suspect.name,),
        )
    if _has(recipe, format_name, "calibration_method"):
        calibration = tuple(_calibration(layers[: worst + 1]))
        yield from calibration
        if any(suspect.name in each.layers for each in calibration) and source_of(suspect) == "range":
            return  # the layers behind it are clipped likewise, and no bits more bring that back
        yield from _equalization(layers, worst, recipe, format_name)
    if _inherited(layers, worst):
        yield _more_bits(
            recipe,
            format_name,
            f"the noise of {suspect.name} is that of many layers before it",
            f"{_dropped(suspect)}{_why(layers, suspect)}",
        )
        return
    window = _window(layers, worst)
    if not window:
        return
    wider = f", or in 16 bits: int16_layers = {_toml(window)}" if _has(recipe, format_name, "int16_layers") else ""
    keep = (
        f"keep {_names(window)} in float: float_layers = {_toml(window)} in a recipe of your own{wider}; look again "
        "then: what the layers behind it lose is hidden behind what it does"
    )
    mixed = _has(recipe, format_name, "float_layers")
    yield Advice(
        remedy="float-layers" if mixed else "another-recipe",
        text=keep if mixed else f"{recipe.kind} has no float_layers: take {LAYERED}, which has, or fp16",
        evidence=f"{_dropped(suspect)}{_why(layers, suspect)}",
        layers=tuple(each.name for each in window),
    )


def _gradual(
    layers: Sequence[LayerResult], below: int, recipe: RecipeSpec, format_name: FormatName
) -> Iterator[Advice]:
    """Each layer loses a little, no one much."""
    if _has(recipe, format_name, "calibration_method"):
        calibration = tuple(_calibration(layers[: below + 1]))
        if calibration:  # what is clipped no bits more bring back
            yield from calibration
            return
        yield from _calibration(layers[below + 1 :])
        yield from _equalization(layers, below, recipe, format_name)
    first = layers[below]
    evidence = f"{first.name} is the first under the threshold with {first.sqnr_db:.1f} dB, and no layer drops by 6 dB"
    yield _more_bits(recipe, format_name, "every layer loses a little", evidence)


def _more_bits(recipe: RecipeSpec, format_name: FormatName, what: str, evidence: str) -> Advice:
    ways = []
    if _has(recipe, format_name, "calibration_method"):
        others = [each for each in METHODS if each != recipe.method(format_name)]
        ways.append(f"calibration_method {' or '.join(others)}")
        if recipe.kind != MORE_BITS and not load_recipes()[MORE_BITS].formats[format_name].unsupported:
            ways.append(f"the recipe {MORE_BITS}")
    mixed = _has(recipe, format_name, "float_layers")
    ways.append("a contiguous run of layers in float (float_layers)" if mixed else "the recipe fp16")
    return Advice(remedy="more-bits", text=f"{what}: {', or '.join(ways)}", evidence=evidence)


def _dropped(suspect: LayerResult) -> str:
    return f"{suspect.name} drops {suspect.drop_db:.1f} dB, more than any other layer under the threshold"


def _other_weights(layer: LayerResult) -> bool:
    steps, sqnr = layer.weights_steps, layer.weights_sqnr_db
    return steps is not None and sqnr is not None and steps > ROUNDED and sqnr < WEAK_WEIGHTS_DB


def _calibration(layers: Sequence[LayerResult]) -> Iterator[Advice]:
    """Of the layers up to the one that loses: what the calibration data did not show."""
    beyond = [each for each in layers if (each.outside or 0.0) > OUTSIDE and (each.beyond or 0.0) > BEYOND]
    if beyond:
        furthest = max(beyond, key=lambda each: each.beyond or 0.0)
        yield Advice(
            remedy="calibrate",
            text="calibrate on more samples, or on others: of the kind that the network will be given",
            evidence=f"{100 * (furthest.outside or 0.0):.2f} % of {furthest.name}'s values are beyond the calibrated "
            f"range, by up to {furthest.beyond:.2f} of its width",
            layers=tuple(each.name for each in beyond),
        )


def _equalization(
    layers: Sequence[LayerResult], depth: int, recipe: RecipeSpec, format_name: FormatName
) -> Iterator[Advice]:
    """Channels of very different ranges around the one that loses."""
    if recipe.options.equalize or not _has(recipe, format_name, "equalize"):
        return
    near = [each for each in layers[max(0, depth - 1) : depth + 2] if (each.spread or 0.0) >= SPREAD]
    if near:
        widest = max(near, key=lambda each: each.spread or 0.0)
        own = f"equalize = true in a recipe of your own, like {recipe.kind}"
        how = f"the recipe {EQUALIZED}" if recipe.name == load_recipes()[EQUALIZED].like else own
        yield Advice(
            remedy="equalize",
            text=f"equalize channels across layers first: {how}, of the same size and speed",
            evidence=f"channels of {widest.name} differ: the widest has {widest.spread:.0f} times the range of the "
            "median one, which one scale for all of them takes from it",
            layers=tuple(each.name for each in near),
        )


def _window(layers: Sequence[LayerResult], worst: int) -> list[LayerResult]:
    """What is to be kept in float, in the order it runs: the suspect with its neighbours that lose nearly as much, and
    those at the other end of the tensor that the loss is in. Its writer and its readers all have to be in float, or a
    converter between them makes the same integers of it again."""
    least = WINDOW * (layers[worst].drop_db or 0.0)
    begin = end = worst
    while begin > 0 and (layers[begin - 1].drop_db or 0.0) >= least:
        begin -= 1
    while end + 1 < len(layers) and (layers[end + 1].drop_db or 0.0) >= least:
        end += 1
    depths = {*range(begin, end + 1)}
    if source_of(layers[worst]) == "range":
        depths |= _read_by(layers, worst)
    elif source_of(layers[worst]) == "reads":
        depths |= _too_wide(layers, worst)
    return [layers[depth] for depth in sorted(depths) if layers[depth].operator != INPUT]


def _why(layers: Sequence[LayerResult], suspect: LayerResult) -> str:
    """In words, where the loss is not in the suspect's own weights or range."""
    known = [db for db in (suspect.weights_sqnr_db, suspect.range_sqnr_db) if db is not None]
    if source_of(suspect) != "reads" or not known:
        return ""
    said = f"; its weights and its own range leave {min(known):.1f} dB"
    wide = [layers[depth] for depth in sorted(_too_wide(layers, suspect.depth))]
    makers = [each for each in wide if each.kind not in PASSING]
    if wide:
        return (
            f"{said}: it is the activation of {_names(makers)} that is too wide, whose steps swallow what counts of it"
        )
    return f"{said}: the noise of the layers before it weighs more here"


def _inherited(layers: Sequence[LayerResult], depth: int) -> bool:
    """Is a layer's noise that of many before it? Float for it alone brings nothing back: EfficientNet-Lite0's relative
    error stays at 0.112 with its suspect in float."""
    return source_of(layers[depth]) == "reads" and bool(_why(layers, layers[depth])) and not _too_wide(layers, depth)


def _too_wide(layers: Sequence[LayerResult], depth: int) -> set[int]:
    """The layers whose values one reads, through what only moves them, where their noise is that of their range: small
    values matter there beside large ones that cancel. Empty where it is inherited from further up."""
    written = _written_by(layers, depth)
    makers = [layers[place] for place in written if layers[place].kind not in PASSING]
    return written if makers and all(source_of(each) == "range" for each in makers) else set()


def _written_by(layers: Sequence[LayerResult], depth: int) -> set[int]:
    """The layers whose values one reads, through what only moves them."""
    places = {each.name: each.depth for each in layers}
    found: set[int] = set()
    pending = [places[name] for name in layers[depth].reads if name in places]
    while pending:
        place = pending.pop()
        found.add(place)
        if layers[place].kind in PASSING:
            pending += [places[name] for name in layers[place].reads if places.get(name, place) not in found]
    return found


def _read_by(layers: Sequence[LayerResult], depth: int) -> set[int]:
    """The layers that read one's values, through what only moves them."""
    found: set[int] = set()
    pending = [depth]
    while pending:
        name = layers[pending.pop()].name
        for each in layers:
            if name in each.reads and each.depth not in found:
                found.add(each.depth)
                pending += [each.depth] * (each.kind in PASSING)
    return found


def _names(layers: Sequence[LayerResult]) -> str:
    return (
        layers[0].name if len(layers) == 1 else ", ".join(each.name for each in layers[:-1]) + f" and {layers[-1].name}"
    )


def _toml(layers: Sequence[LayerResult]) -> str:
    return "[" + ", ".join(f'"{each.name}"' for each in layers) + "]"
