"""What the formats of frameworks share: they keep a network in float32, and note in its file what its tensors are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice.engines import TensorInfo
from edgerig.spec import FormatName, RecipeSpec


def require_float(recipe: RecipeSpec, format_name: FormatName) -> None:
    """Raises UnsupportedRecipe for any recipe but fp32."""
    if recipe.kind != "fp32":
        raise UnsupportedRecipe(
            f"{recipe.name}: {recipe.formats[format_name].unsupported}", hint="the format has the recipe fp32"
        )


def tensors_json(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> str:
    """As `ondevice.engines.own_tensors.read` takes it."""
    return json.dumps(
        {
            side: [{"name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype} for tensor in tensors]
            for side, tensors in (("inputs", inputs), ("outputs", outputs))
        }
    )
