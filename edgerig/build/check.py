"""Is a file just built what its recipe says, and does it compute what its source computes?

Two independent questions, both asked of every build before it is called an artifact. Outputs: the relative error of
the logits, because argmax accuracy hides a broken calibration (8-bit ranges clipped by a moving average cost 0.15
relative error and no accuracy on an easy test set). Constants: the dtypes found in the file, because a converter that
skips a layer, or all of them, leaves correct float weights behind and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerig.build.source import Arrays
from edgerig.errors import ParityError, UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.results import CheckRecord
from edgerig.spec import FormatName, RecipeSpec

DIGITS = 3
"""Significant digits of an error in a message."""


def _same_shapes(built: Arrays, reference: Arrays) -> None:
    if len(built) != len(reference):
        raise ParityError(
            f"the built file has {len(built)} outputs, its source {len(reference)}",
            hint="the converter dropped or added outputs: see the build's log",
        )
    for index, (ours, theirs) in enumerate(zip(built, reference, strict=True)):
        if ours.shape != theirs.shape:
            raise ParityError(
                f"output {index} has shape {ours.shape}, its source's has {theirs.shape}",
                hint="outputs are compared in the source model's own layout, batch axis first",
            )


def check_outputs(recipe: RecipeSpec, built: Arrays, reference: Arrays, bound_factor: float = 1.0) -> CheckRecord:
    """Holds a built file's outputs against its source's on the same samples (both real-valued, (N, …) an output).

    `bound_factor` widens the recipe's bound for a model that says why it needs that (`ModelSpec.bound_factor`).

    Raises ParityError when shapes differ, when either has a NaN or an infinity, or when the relative error is above
    the recipe's bound.
    """
    _same_shapes(built, reference)
    relative, largest = relative_error(built, reference)
    for index, (ours, theirs) in enumerate(zip(built, reference, strict=True)):
        if not np.isfinite(theirs).all():
            raise ParityError(
                f"output {index} of the source model itself has NaN or infinite values",
                hint="mend the model or its sample inputs: nothing can be held against such outputs",
            )
        if not np.isfinite(ours).all():
            raise ParityError(
                f"output {index} of the built file has NaN or infinite values, its source's has none",
                hint="a range overflows in this recipe: try fp32 or int8-dynamic, or rescale the model",
            )
    bound = recipe.max_relative_error * bound_factor
    if relative > bound:
        raise ParityError(
            f"the built file does not compute what its source computes: relative error {relative:.{DIGITS}g}, "
            f"{recipe.name} allows {bound:g} (largest difference {largest:.{DIGITS}g})",
            hint=_parity_hint(recipe),
        )
    samples = len(reference[0]) if reference else 0
    return CheckRecord(relative_error=relative, max_abs_error=largest, bound=bound, samples=samples)


def check_constants(recipe: RecipeSpec, format_name: FormatName, constants: Mapping[str, int]) -> None:
    """Holds the bytes of constants by dtype, as found in a built file, against what the recipe says of the format.

    Raises UnsupportedRecipe when a dtype the recipe stores weights in is nowhere in the file: the converter kept them
    in another one, which for a quantized recipe is a float model under a wrong name.
    """
    missing = [dtype for dtype in recipe.formats[format_name].constant_dtypes if not constants.get(dtype)]
    if missing:
        found = ", ".join(f"{size} bytes of {dtype}" for dtype, size in sorted(constants.items())) or "no constants"
        raise UnsupportedRecipe(
            f"{recipe.name} stores weights as {' and '.join(missing)} in {format_name}, the built file holds {found}",
            hint="the model has no layer this recipe quantizes in this format: choose another recipe or format",
        )


def _parity_hint(recipe: RecipeSpec) -> str:
    if recipe.calibration:
        return (
            "calibration data must look like the evaluation data (scale, layout, every class); if it does, "
            "this model needs a milder recipe such as int8-dynamic"
        )
    if recipe.name == "fp32":
        return "a float build must agree: the converter changed the model, see the build's log"
    milder = "fp32" if recipe.name == "fp16" else "fp16"
    return f"this model needs a milder recipe such as {milder}; an untrained network multiplies rounding errors"
