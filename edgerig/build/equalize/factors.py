"""Ranges of layers that follow each other → what each channel is scaled by in each."""

from __future__ import annotations

import numpy as np

from edgerig.build.equalize.layers import Floats


def factors(ranges: Floats) -> Floats:
    """`ranges` (layers, channels) → factors of that shape, whose product over the layers of a channel is 1.

    Each layer's range of a channel becomes the geometric mean of them all: √(r1·r2) for two layers (equation 11 of
    arXiv:1906.04721), the cube root for a depthwise convolution between two others. A channel with no range in one of
    them (its weights are zeros) stays as it is: nothing there says how large it should be.
    """
    alive = np.isfinite(ranges).all(axis=0) & (ranges > 0).all(axis=0)
    logarithms = np.log(np.where(alive, ranges, 1.0))
    found: Floats = np.exp(logarithms.mean(axis=0) - logarithms)
    return found
