"""Counting a Keras model, call by call of its graph, by the shapes of kernels and outputs."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import keras
from keras import layers

from edgerig.build.card import LayerCount
from edgerig.build.counting import Counts
from edgerig.build.source import SourceModel

BY_OUTPUT = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.Dense,
)
"""Every output position multiplies the whole kernel once; a position is one output value per channel."""
BY_INPUT = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
"""Every input position multiplies the whole kernel once."""
STATISTICS = ("moving_mean", "moving_variance")


def count(model: SourceModel) -> Counts:
    """Parameters, layers by type, and what each type multiplies; the reason says which types nothing counts."""
    found: Counter[str] = Counter()
    macs: defaultdict[str, int] = defaultdict(int)
    uncounted: set[str] = set()

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Sequential):
            (outputs,) = arguments
            for inner in layer.layers:
                outputs = call(inner, outputs)
            return outputs
        outputs = layer(*arguments, **options)
        if isinstance(layer, keras.Model) and hasattr(layer, "operations"):
            return outputs  # a graph inside the graph: its own calls are seen one by one
        kind = type(layer).__name__
        found[kind] += 1
        if isinstance(layer, (*BY_INPUT, *BY_OUTPUT)):
            macs[kind] += _macs(layer, arguments[0] if isinstance(layer, BY_INPUT) else outputs)
        elif any(len(weight.shape) > 1 for weight in getattr(layer, "weights", ())) or "Attention" in kind:
            uncounted.add(kind)
        return outputs

    # Not for the clone: `call_function` is Keras' own way to see each call of a graph, those of inner models too.
    keras.models.clone_model(model.module, clone_function=lambda layer: layer, call_function=call, recursive=True)
    reason = f"layers of type {', '.join(sorted(uncounted))} are not counted" if uncounted else ""
    table = {
        kind: LayerCount(layers=number, macs=None if kind in uncounted else macs[kind])
        for kind, number in found.items()
    }
    statistics = sum(math.prod(v.shape) for v in model.module.variables if v.name in STATISTICS)
    return Counts(int(model.module.count_params()), statistics, table, reason)


def _macs(layer: Any, tensor: Any) -> int:
    """Multiply-accumulates of one call whose positions are those of `tensor` (…, channels), or (channels, …)."""
    channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    positions: int = math.prod(tensor.shape[1:]) // tensor.shape[-1 if channels_last else 1]
    kernel: int = math.prod(layer.kernel.shape)
    return positions * kernel
