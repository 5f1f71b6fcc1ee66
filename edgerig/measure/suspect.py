"""Which layer of a quantized network loses most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edgerig.results.layers import LayerResult

LEAST_DROP_DB = 6.0
"""A suspect brings at least three times the noise that its inputs have: 10 log10(4) = 6."""
NEAR_DB = 3.0
"""What is within a factor of two of the whole noise is where it comes from."""


def first_below(layers: Sequence[LayerResult], threshold_db: float) -> int | None:
    """The depth of the first layer under the threshold."""
    return next((each.depth for each in layers if each.sqnr_db is not None and each.sqnr_db < threshold_db), None)


def suspect(layers: Sequence[LayerResult], threshold_db: float) -> int | None:
    """The depth of the layer that loses most: under the threshold, with the largest drop of those; None where no drop
    is as large as LEAST_DROP_DB. SQNR accumulates, so the lowest is only the last.

    Where the noise of that layer is what it reads, the one that made it may have ended just above the threshold
    (NEAR_DB): of those that it reads from, through whatever is between, the one that drops most is named, if it drops
    more. What is further from the threshold is as a sound layer is: each first one drops from what 8 bits can be.
    """
    low = [each for each in layers if each.sqnr_db is not None and each.sqnr_db < threshold_db]
    found = max(low, key=_drop, default=None)
    if found is None:
        return None
    if source_of(found) == "reads":
        near = [each for each in _above(layers, found) if (each.sqnr_db or 0.0) < threshold_db + NEAR_DB]
        found = max([found, *near], key=_drop)
    return None if _drop(found) < LEAST_DROP_DB else found.depth


def source_of(layer: LayerResult) -> Literal["weights", "range", "reads"]:
    """Where a layer's noise comes from: its weights; the range of what it gives, of which its integers leave no more;
    or what it reads."""
    own = layer.sqnr_db
    if own is None or (layer.weights_sqnr_db is not None and layer.weights_sqnr_db <= own + NEAR_DB):
        return "weights"
    if layer.range_sqnr_db is not None and (layer.range_sqnr_db <= own + NEAR_DB or not layer.reads):
        return "range"
    return "reads"


def _drop(layer: LayerResult) -> float:
    return layer.drop_db or 0.0


def _above(layers: Sequence[LayerResult], layer: LayerResult) -> list[LayerResult]:
    """All whose values it reads, at once or through others."""
    by_name = {each.name: each for each in layers}
    found: dict[int, LayerResult] = {}
    pending = list(layer.reads)
    while pending:
        above = by_name.get(pending.pop())
        if above is not None and above.depth < layer.depth and above.depth not in found:
            found[above.depth] = above
            pending += above.reads
    return list(found.values())
