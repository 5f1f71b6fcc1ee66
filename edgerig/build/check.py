"""Is a file just built what its recipe says, and does it compute what its source computes?

Two independent questions, both asked of every build before it is called an artifact. Outputs: a build is refused only
when an output is broken (not finite, constant, uncorrelated with its source's). How far off a sound one is, is a figure
that reports show and budgets limit: a real network quantized well to 8 bits is off by 0.1 and as accurate as before.
Constants: the dtypes found in the file, because a converter that skips a layer, or all of them, leaves correct float
weights behind and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgerig.build.source import Arrays
from edgerig.errors import ParityError, UnsupportedRecipe
from edgerig.measure.error import FAR, alike, broken, compare, worst
from edgerig.results import CheckRecord
from edgerig.spec import FormatName, RecipeSpec

FLOAT_ERROR = 1e-3
"""Relative error above which a float32 build is said to differ: sound ones measure 1e-7 to 1e-5."""
DIGITS = 3
"""Significant digits of an error in a message."""


def check_outputs(names: Sequence[str], built: Arrays, reference: Arrays) -> CheckRecord:
    """Holds a built file's outputs, called `names`, against its source's on the same samples ((N, …) an output).

    Raises ParityError, naming the output, when shapes differ or an output is broken (`measure.error.broken`).
    """
    names, built, reference = alike(names, built, reference)
    if len(built) != len(reference):
        raise ParityError(
            f"the built file has {len(built)} outputs, its source {len(reference)}",
            hint="the converter dropped or added outputs: see the build's log",
        )
    for name, ours, theirs in zip(names, built, reference, strict=True):
        if ours.shape != theirs.shape:
            raise ParityError(
                f'output "{name}" has shape {ours.shape}, its source\'s has {theirs.shape}',
                hint="outputs are compared in the source model's own layout, batch axis first",
            )
        if why := broken(ours, theirs):
            raise ParityError(
                f'output "{name}" of the built file is broken: {why}',
                hint="build fp32 in the same format: where that is right, the quantization loses this output, "
                "else the conversion, of which the build's log has the converter's own words",
            )
    outputs = compare(names, built, reference)
    furthest = worst(outputs)
    return CheckRecord(
        relative_error=None if furthest is None else furthest.relative_error,
        max_abs_error=None if furthest is None else furthest.max_abs_error,
        samples=len(reference[0]) if reference else 0,
        worst=None if furthest is None else furthest.name,
        outputs=outputs,
    )


def float_note(recipe: RecipeSpec, check: CheckRecord) -> tuple[str, ...]:
    """A note when a float32 build is further from its source than float32 rounding explains: it is measured all the
    same, but everything in the format is built from it."""
    error = check.relative_error
    if recipe.kind != "fp32" or error is None or error <= FLOAT_ERROR:
        return ()
    return (
        f'the float32 build is not its source: relative error {error:.{DIGITS}g} in output "{check.worst}" '
        f"(float32 rounding gives less than {FLOAT_ERROR:g}): the conversion changed the model",
    )


def far_note(recipe: RecipeSpec, check: CheckRecord) -> tuple[str, ...]:
    """A note when a build of fewer bits is far from its source (`measure.error.FAR`): it computes the same network, but
    without labels nobody knows whether it still decides the same."""
    error = check.relative_error
    if recipe.kind == "fp32" or error is None or error < FAR:
        return ()
    why = "its values, or the calibration data is of another kind" if recipe.calibration else "its weights"
    return (
        f'far from its source: relative error {error:.{DIGITS}g} in output "{check.worst}", where networks that stay '
        f"as accurate measure 0.02 to 0.15: {recipe.kind} has too few steps for {why}; look at what it decides",
    )


def range_note(recipe: RecipeSpec) -> tuple[str, ...]:
    """Of a variant that was built for some devices alone."""
    if recipe.options.reduce_range is not True:
        return ()
    return ("weights of 7 bits, whose products do not saturate on x86-64 without VNNI",)


def check_constants(recipe: RecipeSpec, format_name: FormatName, constants: Mapping[str, int]) -> None:
    """Holds the bytes of constants by dtype, as found in a built file, against what the recipe says of the format.

    Raises UnsupportedRecipe when a dtype the recipe stores weights in is nowhere in the file: the converter kept them
    in another one, which for a quantized recipe is a float model under a wrong name. A network may have no weights:
    integers alone are shapes, axes and tables of its own.
    """
    if recipe.name == "fp32" and not constants.keys() - {"int32", "int64", "bool"}:
        return
    wanted = recipe.formats[format_name].constant_dtypes
    missing = [dtypes for dtypes in wanted if not any(constants.get(dtype) for dtype in dtypes.split("|"))]
    if missing:
        said = " and ".join(missing).replace("|", " or ")
        found = ", ".join(f"{size} bytes of {dtype}" for dtype, size in sorted(constants.items())) or "no constants"
        raise UnsupportedRecipe(
            f"{recipe.name} stores weights as {said} in {format_name}, the built file holds {found}",
            hint="the model has no layer this recipe quantizes in this format: choose another recipe or format",
        )
