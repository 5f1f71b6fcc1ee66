"""MobileNetV1 (arXiv:1704.04861) of width 0.25 for visual wake words, as MLPerf Tiny uses it: 221,794 parameters.

The architecture alone, with Keras' seeded random weights: batch norm statistics are taken from a batch of noise, as an
untrained network's activations fade away without them and every build would look right.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

SIDE = 96
CLASSES = 2
WIDTH = 8
"""Channels of the first convolution: 32 times 0.25."""
BLOCKS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1))
"""Output channels and stride of each depthwise-separable block."""
STATISTICS_IMAGES = 32


def network() -> keras.Model:
    """Images (N, 96, 96, 3) in 0…1 to logits (N, 2)."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = _norm(layers.Conv2D(WIDTH, 3, strides=2, padding="same", kernel_initializer="he_normal")(image))
    for channels, stride in BLOCKS:
        x = _norm(layers.DepthwiseConv2D(3, strides=stride, padding="same", depthwise_initializer="he_normal")(x))
        x = _norm(layers.Conv2D(channels, 1, padding="same", kernel_initializer="he_normal")(x))
    x = layers.Flatten()(layers.AveragePooling2D(SIDE // 32)(x))
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x), name="mobilenet_v1_025")


def create() -> keras.Model:
    """The network with random weights from seed 0, the same in every process of one machine."""
    keras.utils.set_random_seed(0)
    model = network()
    noise = np.random.default_rng(0).uniform(0, 1, (STATISTICS_IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0  # the one batch below is the whole statistic
    model(noise, training=True)
    return model


def _norm(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))
