"""Layers of Keras 2 files that Keras 3 refuses: their saved options hold more than its constructors take.

Keras 2 wrote an option `groups` (always 1: these layers have none) into the configuration of every layer derived from
its convolution. https://github.com/keras-team/keras/issues/19441
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # see sources/keras.py

from keras import layers

UNGROUPED = (
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
)


def _tolerant(layer: type[Any]) -> type[Any]:
    """`layer` under its own name, read from a configuration with or without `groups = 1`."""

    def from_config(cls: type[Any], config: dict[str, Any]) -> Any:
        kept = {key: value for key, value in config.items() if (key, value) != ("groups", 1)}
        return layer.from_config.__func__(cls, kept)

    return type(layer.__name__, (layer,), {"from_config": classmethod(from_config)})


LEGACY_LAYERS: dict[str, type[Any]] = {layer.__name__: _tolerant(layer) for layer in UNGROUPED}
"""For `custom_objects` of `keras.saving.load_model`."""
