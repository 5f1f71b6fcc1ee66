"""What users call the operators of a format's float graph, and those a recipe keeps in float by such names.

A name is the operator's place in the graph and its kind: `op03_CONV_2D`. Each format has a graph of its own, so that a
layer may have another name in each; a build's log lists them.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from edgerig.errors import BuildError
from edgerig.spec import RecipeSpec
from edgerig.spec.toml import nearest

ASKED = "it is named in float_layers"
"""Why an operator stays in float."""
LISTED = 40
"""Names in a note, at most."""


def layer_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """A name for each operator, of its `kinds`, in the order they run: as many digits as the last one needs, two or
    more, so that names sort as operators run."""
    listed = list(kinds)
    digits = max(2, len(str(len(listed) - 1)))
    return tuple(f"op{place:0{digits}}_{kind}" for place, kind in enumerate(listed))


def kept_in_float(recipe: RecipeSpec, format_name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that the recipe's `float_layers` mean in the format, in order; the build's log gets them all.

    Raises BuildError for a pattern that means none.
    """
    patterns = recipe.options.layers_in_float(format_name)
    if patterns:
        sys.stdout.write(f"layers of the float graph, as float_layers names them: {', '.join(names)}\n")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BuildError(
                f'{recipe.name}: float_layers "{pattern}" is no layer of the {len(names)} in {format_name}',
                hint=nearest(pattern.rstrip("*"), names) + "; the build's log lists them all",
            )
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def float_note(kept: Collection[str], layers: int) -> tuple[str, ...]:
    """What is said of a file whose float layers were found in it, of so many `layers`."""
    if not kept:
        return ()
    listed = list(kept)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return (f"float_layers: {len(listed)} of {layers} layers compute in float32: {', '.join(listed[:LISTED])}{more}",)


def not_kept(recipe: RecipeSpec, missing: Collection[str]) -> BuildError:
    """Of a file in which layers that were to stay in float are none."""
    return BuildError(
        f"{recipe.name}: float_layers: {', '.join(sorted(missing))}: not in float32 in the built file",
        hint="please report it, with the model",
    )
