"""Inputs to call a network with, to see what it changes: before any data of it is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgerig.build.source import Arrays, drawn, one_sample
from edgerig.spec import TensorSpec

UNKNOWN_STATE = (
    "whether it keeps something between calls is not known: it takes no inputs drawn at random; give its [[inputs]] "
    'the "range" of values it takes'
)


def probes(inputs: Sequence[TensorSpec], seed: int) -> Iterator[Arrays]:
    """Samples in their tensors' shapes, to be tried in turn until the network takes one: integers of no known range are
    0 and 1 at first, to be told from the zeros that a state is likely to hold, then all 0, which any table has."""
    told = [t.model_copy(update={"range": (0, 1)}) if _unknown(t) else t for t in inputs]
    for tensors in (told, inputs) if any(_unknown(tensor) for tensor in inputs) else (inputs,):
        yield one_sample(drawn(tensors, seed, 1), tensors, 0)


def _unknown(tensor: TensorSpec) -> bool:
    return tensor.range is None and np.dtype(tensor.dtype).kind in "iu"
