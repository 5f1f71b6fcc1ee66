"""What users call the operators of a format's float graph, and those a recipe treats apart by such names: in float, or
in 16 bits.

A name is the operator's place in the graph and its kind: `op03_CONV_2D`. Each format has a graph of its own, so that a
layer may have another name in each; a build's log lists them.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from edgerig.errors import BuildError
from edgerig.spec import RecipeSpec
from edgerig.spec.recipe_options import ByLayer
from edgerig.spec.toml import nearest

FLOAT: ByLayer = "float_layers"
INT16: ByLayer = "int16_layers"
MEANS = {FLOAT: "float32", INT16: "16 bits"}
ASKED = f"it is named in {FLOAT}"
"""Why an operator stays in float."""
LISTED = 40
"""Names in a note, at most."""


def layer_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """A name for each operator, of its `kinds`, in the order they run: as many digits as the last one needs, two or
    more, so that names sort as operators run."""
    listed = list(kinds)
    digits = max(2, len(str(len(listed) - 1)))
    return tuple(f"op{place:0{digits}}_{kind}" for place, kind in enumerate(listed))


def meant(recipe: RecipeSpec, format_name: str, names: Sequence[str], option: ByLayer = FLOAT) -> tuple[str, ...]:
    """Those of `names` that the recipe's `option` means in the format, in order; the build's log gets them all.

    Raises BuildError for a pattern that means none.
    """
    patterns = recipe.options.layers(option, format_name)
    if patterns:
        sys.stdout.write(f"layers of the float graph, as {option} names them: {', '.join(names)}\n")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BuildError(
                f'{recipe.name}: {option} "{pattern}" is no layer of the {len(names)} in {format_name}',
                hint=nearest(pattern.rstrip("*"), names) + "; the build's log lists them all",
            )
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def apart_note(kept: Collection[str], layers: int, option: ByLayer = FLOAT) -> tuple[str, ...]:
    """What is said of a file in which the layers that `option` names were found so, of so many `layers`."""
    if not kept:
        return ()
    listed = list(kept)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    told = f"{len(listed)} of {layers} layers compute in {MEANS[option]}"
    return (f"{option}: {told}: {', '.join(listed[:LISTED])}{more}",)


def not_kept(recipe: RecipeSpec, missing: Collection[str], option: ByLayer = FLOAT) -> BuildError:
    """Of a file in which layers that were to be in float, or in 16 bits, are not."""
    return BuildError(
        f"{recipe.name}: {option}: {', '.join(sorted(missing))}: not in {MEANS[option]} in the built file",
        hint="please report it, with the model",
    )
