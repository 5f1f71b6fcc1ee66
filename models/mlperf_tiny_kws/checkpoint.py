"""The trained variables of the official SavedModel, read from its checkpoint.

The SavedModel itself does not load in TensorFlow 2.21 (its optimizer's slots are of an older version); its variables
do. The checkpoint numbers the layers that have weights: a convolution and its batch norm, four times a depthwise
convolution, norm, 1x1 convolution, norm, and last the dense layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

CONVOLUTIONS = ("kernel", *("depthwise_kernel", "kernel") * 4)
"""What the kernel of each of the nine convolutions is called."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """`kernel` (height, width, inputs, outputs), or (height, width, channels, 1) for a depthwise one, and what
    follows it: a bias and a batch norm, (channels,) each."""

    kernel: Array
    bias: Array
    gamma: Array
    beta: Array
    mean: Array
    variance: Array


@dataclass(frozen=True)
class Weights:
    """`dense` is (64, 12), `dense_bias` (12,)."""

    convolutions: tuple[Convolution, ...]
    dense: Array
    dense_bias: Array


def read(folder: Path) -> Weights:
    """From `variables.index` and `variables.data-…` in `folder`. Raises TensorFlow's errors when they are damaged."""
    reader = tf.train.load_checkpoint(str(folder / "variables"))

    def variable(layer: int, name: str) -> Array:
        found: Array = reader.get_tensor(f"layer_with_weights-{layer}/{name}/.ATTRIBUTES/VARIABLE_VALUE")
        return found

    convolutions = tuple(
        Convolution(
            kernel=variable(2 * index, kernel),
            bias=variable(2 * index, "bias"),
            gamma=variable(2 * index + 1, "gamma"),
            beta=variable(2 * index + 1, "beta"),
            mean=variable(2 * index + 1, "moving_mean"),
            variance=variable(2 * index + 1, "moving_variance"),
        )
        for index, kernel in enumerate(CONVOLUTIONS)
    )
    last = 2 * len(CONVOLUTIONS)
    return Weights(convolutions, variable(last, "kernel"), variable(last, "bias"))
