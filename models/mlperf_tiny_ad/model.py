"""The dense autoencoder of DCASE 2020 Task 2's baseline, which MLPerf Tiny uses for anomaly detection.

The architecture alone, with Keras' seeded random weights; batch norm statistics are taken from a batch of noise.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

FEATURES = 640
WIDTHS = (*(128,) * 4, 8, *(128,) * 4)
STATISTICS_SAMPLES = 256


def network() -> keras.Model:
    """Features (N, 640) to their reconstruction (N, 640)."""
    features: Any = keras.Input((FEATURES,), name="features")
    x = features
    for width in WIDTHS:
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width)(x)))
    return keras.Model(features, layers.Dense(FEATURES, name="reconstruction")(x), name="autoencoder")


def create() -> keras.Model:
    """The network with random weights from seed 0, the same in every process of one machine."""
    keras.utils.set_random_seed(0)
    model = network()
    noise = np.random.default_rng(0).standard_normal((STATISTICS_SAMPLES, FEATURES)).astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0  # the one batch below is the whole statistic
    model(noise, training=True)
    return model
