"""The same MobileNetV2 in Keras, with the very weights of `model.py`: what a report then compares is frameworks."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from model import CLASSES, InvertedResidual
from model import create as torch_network
from torch import nn

Array = npt.NDArray[np.float32]


def create() -> keras.Model:
    """Images (N, height, width, 3) float32, about zero mean and unit variance, to logits (N, 1000)."""
    network = torch_network()
    images = keras.Input((None, None, 3), name="image")
    x = images
    for index, (stage, residual) in enumerate(_stages(network)):
        before = x
        for place, (convolution, norm, activation) in enumerate(_triples(stage)):
            x = _convolution(x, convolution, norm, activation, f"block_{index}_{place}")
        x = layers.Add(name=f"block_{index}_add")([before, x]) if residual else x
    x = layers.GlobalAveragePooling2D()(x)
    head = layers.Dense(CLASSES, name="logits")
    logits = head(x)
    head.set_weights([_array(network.head.weight).T, _array(network.head.bias)])
    return keras.Model(images, logits, name="mobilenet_v2")


def _stages(network: nn.Module) -> Iterator[tuple[list[nn.Module], bool]]:
    """The layers of each block, and whether they are added to what goes into it; those outside of blocks together."""
    outside: list[nn.Module] = []
    for layer in network.features:
        if isinstance(layer, InvertedResidual):
            if outside:
                yield outside, False
                outside = []
            yield list(layer.layers), layer.residual
        else:
            outside.append(layer)
    yield outside, False


def _triples(stage: list[nn.Module]) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d, bool]]:
    """Each convolution with its batch norm, and whether an activation follows."""
    for place, layer in enumerate(stage):
        if isinstance(layer, nn.Conv2d):
            yield layer, stage[place + 1], any(isinstance(each, nn.ReLU6) for each in stage[place + 2 : place + 3])


def _convolution(
    x: keras.KerasTensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d, activation: bool, name: str
) -> keras.KerasTensor:
    """Convolution, batch norm, perhaps ReLU6. Torch pads both sides alike, "same" the end first: so padding stands
    apart."""
    kernel, (stride, _), (size, _) = _array(convolution.weight), convolution.stride, convolution.kernel_size
    padding = "same" if stride == 1 else "valid"
    if padding == "valid":
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    options = {"strides": stride, "padding": padding, "use_bias": False, "name": name}
    depthwise = convolution.groups > 1
    layer = layers.DepthwiseConv2D(size, **options) if depthwise else layers.Conv2D(len(kernel), size, **options)
    x = layer(x)
    # Keras wants (height, width, inputs, outputs), and of a depthwise kernel (height, width, channels, 1).
    layer.set_weights([kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)])
    normal = layers.BatchNormalization(epsilon=norm.eps, name=f"{name}_norm")
    x = normal(x)
    normal.set_weights([_array(each) for each in (norm.weight, norm.bias, norm.running_mean, norm.running_var)])
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _array(tensor: nn.Parameter) -> Array:
    array: Array = tensor.detach().numpy()
    return array
