"""DS-CNN for keyword spotting in Keras, after MLPerf Tiny's reference (github.com/mlcommons/tiny, Apache-2.0).

The reference's dropout does nothing in inference and is left out, and so is its softmax: logits show an error that a
softmax squeezes to nothing, and the order of the classes is the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from checkpoint import read
from keras import layers

FILTERS = 64
BLOCKS = 4
CLASSES = 12


def network() -> keras.Model:
    """MFCC features (N, 49, 10, 1) to logits (N, 12), untrained."""
    features = keras.Input((49, 10, 1), name="mfcc")
    x = _norm(layers.Conv2D(FILTERS, (10, 4), strides=2, padding="same")(features))
    for _ in range(BLOCKS):
        x = _norm(layers.DepthwiseConv2D(3, padding="same")(x))
        x = _norm(layers.Conv2D(FILTERS, 1, padding="same")(x))
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(x))
    return keras.Model(features, layers.Dense(CLASSES, name="logits")(x), name="ds_cnn")


def create(fetched: Path) -> keras.Model:
    """The network with the official trained weights, from the checkpoint in `fetched`."""
    weights = read(fetched)
    model = network()
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)]
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for convolution, norm, trained in zip(convolutions, norms, weights.convolutions, strict=True):
        convolution.set_weights([trained.kernel, trained.bias])
        norm.set_weights([trained.gamma, trained.beta, trained.mean, trained.variance])
    model.get_layer("logits").set_weights([weights.dense, weights.dense_bias])
    return model


def _norm(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))
