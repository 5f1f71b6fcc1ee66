"""The whole: a network's operators → its layers equalized, the proof that it computes what it did, and what to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerig.build.equalize.factors import factors
from edgerig.build.equalize.layers import Floats, Layer
from edgerig.build.equalize.network import Chain, Found
from edgerig.errors import UnsupportedRecipe

Outputs = Sequence[npt.NDArray[np.generic]]
"""Of one sample: an array each."""
ROUNDS = 50
"""Layers belong to the chain before them and the one behind: one is balanced until none moves the other any more."""
SETTLED = 1e-3
"""Largest logarithm of a factor that is taken for none."""
ROUNDING = 1e-4
"""Relative error of the equalized network's outputs that is float32 rounding: sound ones measure 1e-7 to 1e-5."""
PROOF_SAMPLES = 16
"""Calibration samples the outputs are compared on, at most."""
LISTED = 40
"""Operators or pairs named in a note, at most."""


def balanced(layers: Mapping[str, Layer], chains: Sequence[Chain]) -> dict[str, Layer]:
    """The layers of the `chains`, by name, equalized; the others are not among them."""
    done = {name: _doubles(layers[name]) for chain in chains for name in chain.names}
    for _ in range(ROUNDS):
        if max((_balance(done, chain) for chain in chains), default=0.0) < SETTLED:
            break
    return done


def _doubles(layer: Layer) -> Layer:
    bias = None if layer.bias is None else layer.bias.astype(np.float64)
    return Layer(layer.weight.astype(np.float64), bias)


def _balance(layers: dict[str, Layer], chain: Chain) -> float:
    """Equalizes the layers of one chain; the largest logarithm of a factor that took."""
    first, *between, last = chain.names
    labels = chain.links[-1].labels
    channels = layers[first].outputs
    end = np.zeros(channels)
    np.maximum.at(end, labels, layers[last].input_ranges)
    ranges = [layers[first].output_ranges, *(layers[name].output_ranges for name in between), end]
    found = factors(np.stack(ranges))
    layers[first] = layers[first].scaled(outputs=found[0])
    for place, name in enumerate(between, start=1):
        layers[name] = _passed(layers[name], found, place)
    layers[last] = layers[last].scaled(inputs=found[-1][labels])
    return float(np.abs(np.log(found)).max(initial=0.0))


def _passed(layer: Layer, found: Floats, place: int) -> Layer:
    """A layer between: its inputs come scaled by all factors before it, its output leaves scaled by its own too."""
    before = found[:place].prod(axis=0)
    return layer.scaled(outputs=before * found[place], inputs=1 / before)


@dataclass(frozen=True)
class Proof:
    """`error` is the largest relative error of an output of the equalized network against the network's."""

    error: float
    samples: int

    @property
    def holds(self) -> bool:
        return self.error <= ROUNDING


def proof(before: Sequence[Outputs], after: Sequence[Outputs]) -> Proof:
    """Of the outputs on each sample of the network as it was and as it is; an output may have another shape in each
    sample, where the data decides its lengths."""
    columns = zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
    errors = [_error_of_output(old, new) for old, new in columns]
    return Proof(max(errors, default=0.0), len(before))


def _error_of_output(before: Outputs, after: Outputs) -> float:
    """Over all samples together; infinite where one has another shape, as where the equalized network finds another
    number of boxes."""
    if any(old.shape != new.shape for old, new in zip(before, after, strict=True)):
        return float("inf")
    return _error(np.concatenate([each.reshape(-1) for each in before]), np.concatenate([a.reshape(-1) for a in after]))


def _error(before: npt.NDArray[np.generic], after: npt.NDArray[np.generic]) -> float:
    """0 where neither is finite in the same places, or there are no values; infinite where only one is finite."""
    if not before.size:
        return 0.0
    if before.dtype.kind not in "fc":
        return 0.0 if np.array_equal(before, after) else float(np.mean(before != after))
    old, new = before.astype(np.float64), after.astype(np.float64)
    finite = np.isfinite(old)
    if not np.array_equal(finite, np.isfinite(new)):
        return float("inf")
    size = float(np.linalg.norm(old[finite]))
    difference = float(np.linalg.norm(new[finite] - old[finite]))
    return difference / size if size else (0.0 if difference == 0.0 else float("inf"))


def notes(found: Found, proved: Proof) -> tuple[str, ...]:
    """What a reader of the built file is told: what was equalized, and what was not, and why."""
    pairs = [" → ".join(chain.names) for chain in found.chains]
    said = [
        f"equalized before quantizing ({len(pairs)}): {_listed(pairs)}; float outputs equal on {proved.samples} "
        f"calibration samples (relative error {proved.error:.1e})"
    ]
    by_reason: dict[str, list[str]] = {}
    for name, why in found.apart.items():
        by_reason.setdefault(why, []).append(name)
    said += [f"not equalized behind {_listed(names)}: {why}" for why, names in by_reason.items()]
    return tuple(said)


def nothing(recipe: str, found: Found) -> UnsupportedRecipe:
    """Of a network in which no two layers can be equalized."""
    reasons = "; ".join(sorted(set(found.apart.values()))) or "no layer with weights is followed by another"
    return UnsupportedRecipe(f"{recipe}: nothing can be equalized: {reasons}", hint="choose int8-static")


def changed(recipe: str, proved: Proof) -> UnsupportedRecipe:
    """Of a network that equalization would change."""
    return UnsupportedRecipe(
        f"{recipe}: the equalized network does not compute what the network does: relative error {proved.error:.2g} on "
        f"{proved.samples} calibration samples (float32 rounding gives less than {ROUNDING:g})",
        hint="choose int8-static; please report it, with the model",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
