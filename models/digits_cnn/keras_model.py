"""The digits network in Keras, with the very weights trained in PyTorch: what a report then compares is frameworks.

Torch numbers a layer by its place: `features.<block>…<place>.0` is a convolution, `….1` its batch norm.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from safetensors.numpy import load_file

Weights = dict[str, npt.NDArray[np.float32]]

WEIGHTS = Path(__file__).parent / "weights.safetensors"
EPSILON = 1e-5
"""torch.nn.BatchNorm2d's default; Keras' own is 1e-3."""


def create() -> keras.Model:
    """Images (N, 8, 8, 1) float32 in 0…1 to logits (N, 10)."""
    weights = load_file(WEIGHTS)
    image = keras.Input((8, 8, 1), name="image")
    x = _convolution(image, weights, "features.0")
    for block, stride in ((1, 1), (2, 1), (3, 2), (4, 1)):
        x = _convolution(x, weights, f"features.{block}.0", stride=stride, depthwise=True)
        x = _convolution(x, weights, f"features.{block}.1")
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(10, name="logits")
    logits = head(x)
    head.set_weights([weights["head.weight"].T, weights["head.bias"]])
    return keras.Model(image, logits, name="digits_cnn")


def _convolution(
    x: keras.KerasTensor, weights: Weights, place: str, stride: int = 1, depthwise: bool = False
) -> keras.KerasTensor:
    """Convolution, batch norm, ReLU. Torch pads both sides alike, "same" the end first: so padding stands apart."""
    kernel = weights[f"{place}.0.weight"]  # (outputs, inputs / groups, height, width)
    outputs, _, size, _ = kernel.shape
    name = place.replace(".", "_")
    padding = "same" if stride == 1 else "valid"
    if padding == "valid":
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    options = {"strides": stride, "padding": padding, "use_bias": False, "name": name}
    layer = layers.DepthwiseConv2D(size, **options) if depthwise else layers.Conv2D(outputs, size, **options)
    x = layer(x)
    # Keras wants (height, width, inputs, outputs), and of a depthwise kernel (height, width, channels, 1).
    layer.set_weights([kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)])
    norm = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_norm")
    x = norm(x)
    norm.set_weights([weights[f"{place}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")])
    return layers.ReLU(name=f"{name}_relu")(x)
