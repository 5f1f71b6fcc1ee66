"""results.json: the whole of the results, the contract with everyone downstream."""

from __future__ import annotations

import json
import math
from typing import Any

from edgerig.errors import ResultsError
from edgerig.results import Results


def render(results: Results) -> bytes:
    """Indented UTF-8 JSON in the order of the types' fields.

    Raises ResultsError naming the first number that JSON cannot hold: written as null it would read as "not
    measured", without the reason that has to stand beside it.
    """
    document = results.model_dump(mode="python")
    found = _non_finite(document, "")
    if found is not None:
        raise ResultsError(
            f"results.json: {found} is not a finite number",
            hint="a value that could not be measured is None with its reason",
        )
    text = json.dumps(results.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _non_finite(value: Any, where: str) -> str | None:
    """The place of the first nan or infinity in `value`, or None."""
    if isinstance(value, float):
        return None if math.isfinite(value) else where
    if isinstance(value, dict):
        items = [(f"{where}.{key}" if where else str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    else:
        return None
    return next((found for place, item in items if (found := _non_finite(item, place)) is not None), None)
