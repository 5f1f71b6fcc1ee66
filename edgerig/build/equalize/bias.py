"""Bias correction: what rounded weights add to a layer's outputs on average is taken off its bias (Nagel et al. 2019,
arXiv:1906.04721, section 4.2; the mean inputs are measured on calibration data)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from edgerig.build.equalize.balance import LISTED, Outputs, proof
from edgerig.build.equalize.layers import Floats, Layer

Sample = TypeVar("Sample")
FITTED = 0.75
"""Of the calibration samples, the first, from which means are taken; the others say whether it helped."""
FEWEST = 8
"""Calibration samples without which nothing can be said of it."""


class Mean:
    """Of a tensor by channel, over samples."""

    def __init__(self) -> None:
        self._sum: Floats | float = 0.0
        self._count = 0

    def see(self, values: Floats, axis: int) -> None:
        """`values` of one sample, any shape, with the channels on `axis`."""
        by_channel = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
        self._sum = self._sum + by_channel.sum(axis=0, dtype=np.float64)
        self._count += len(by_channel)

    @property
    def value(self) -> Floats:
        """(channels,)"""
        return np.asarray(self._sum) / self._count


def corrected(layer: Layer, rounded: Floats, mean: Floats) -> Layer:
    """The layer with the bias that takes the mean shift off: `rounded` are its weights as they will be computed with,
    in the form of `layer.weight`, `mean` (inputs,) its mean input. What a border adds of zeros is not counted. Raises
    ValueError for a layer without a bias."""
    if layer.bias is None:
        raise ValueError("a layer without a bias has none to correct")
    groups, outputs, inputs = layer.weight.shape[:3]
    by_input = (rounded - layer.weight).reshape(groups, outputs, inputs, -1).sum(axis=-1)
    shift = np.einsum("goi,gi->go", by_input, mean.reshape(groups, inputs)).reshape(-1)
    return replace(layer, bias=layer.bias - shift)


def parted(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Those that means are taken from, and those that judge; neither is there where there are too few."""
    if len(samples) < FEWEST:
        return [], []
    kept = round(len(samples) * FITTED)
    return samples[:kept], samples[kept:]


@dataclass(frozen=True)
class Judged:
    """The relative errors, of the worst output, of the file as it was and with its biases corrected, on `samples`."""

    plain: float
    corrected: float
    samples: int

    @property
    def helps(self) -> bool:
        return self.corrected < self.plain


def judged(floating: Sequence[Outputs], plain: Sequence[Outputs], made: Sequence[Outputs]) -> Judged:
    """By the outputs on each sample held out: the float network's, and both files'."""
    return Judged(proof(floating, plain).error, proof(floating, made).error, len(floating))


def notes(done: Sequence[str], layers: Mapping[str, Layer], found: Judged) -> tuple[str, ...]:
    """What a reader of the built file is told; `done` are the layers corrected, of those there are."""
    without = [name for name, layer in layers.items() if layer.bias is None]
    errors = f"relative error {found.plain:.3g} → {found.corrected:.3g} on {found.samples} calibration samples held out"
    if not found.helps:
        return (f"bias_correction: left out, for it does not help: {errors}",)
    said = [f"bias_correction: {len(done)} of {len(layers)} layers with weights: {errors}"]
    if without:
        more = f" and {len(without) - LISTED} more" if len(without) > LISTED else ""
        said.append(f"bias_correction: no bias to correct in {', '.join(without[:LISTED])}{more}")
    return tuple(said)


def too_few(count: int) -> tuple[str, ...]:
    """The note where nothing can be said of it."""
    return (f"bias_correction: left out: {count} calibration samples, and it takes {FEWEST} to judge it",)
