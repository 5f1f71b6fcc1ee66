"""Activations: functions by their Keras name, and the layers that are one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import torch
from torch import nn
from torch.nn import functional

from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, constant, unsupported

FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "relu": (functional.relu, {}),
    "relu6": (functional.relu6, {}),
    "leaky_relu": (functional.leaky_relu, {"negative_slope": 0.2}),
    "elu": (functional.elu, {}),
    "selu": (functional.selu, {}),
    "celu": (functional.celu, {}),
    "gelu": (functional.gelu, {}),
    "silu": (functional.silu, {}),
    "mish": (functional.mish, {}),
    "sigmoid": (torch.sigmoid, {}),
    "tanh": (torch.tanh, {}),
    "softplus": (functional.softplus, {}),
    "softsign": (functional.softsign, {}),
    "exponential": (torch.exp, {}),
    "hard_sigmoid": (functional.hardsigmoid, {}),
    "hard_silu": (functional.hardswish, {}),
}
"""`keras.activations` by name, with the defaults Keras gives them."""


def activated(assembly: Assembly, layer: Any, value: Value) -> Value:
    """`value` through the function a layer holds as `activation`. Raises UnsupportedRecipe for one not Keras' own."""
    chosen = layer.activation
    name = getattr(chosen, "__name__", type(chosen).__name__)
    if chosen is None or chosen is keras.activations.linear:
        return value
    if chosen is keras.activations.softmax:
        return along_axis(assembly, functional.softmax, value, -1)
    if name not in FUNCTIONS or chosen is not getattr(keras.activations, name):
        raise unsupported(layer, f'its activation "{name}" is not rebuilt')
    return function(name, assembly, layer, value)


def function(name: str, assembly: Assembly, _layer: Any, value: Value) -> Value:
    """The row `name` of FUNCTIONS."""
    torch_function, options = FUNCTIONS[name]
    return assembly.call(torch_function, value, first=value.channels_first, **options)


def along_axis(assembly: Assembly, function: Callable[..., Any], value: Value, axis: int) -> Value:
    """A function of one axis, given in Keras' order."""
    axes = len(value.shape)
    if value.channels_first and axis % axes == axes - 1:
        return assembly.call(function, value, dim=1, first=True)
    return assembly.call(function, assembly.last(value), dim=axis % axes)


def relu(assembly: Assembly, layer: Any, value: Value) -> Value:
    """ReLU with its options: max(x, 0), a slope below zero, a ceiling."""
    slope, ceiling = float(layer.negative_slope or 0), layer.max_value
    if layer.threshold:
        raise unsupported(layer, f"a threshold of {layer.threshold} is not rebuilt")
    if slope and ceiling is not None:
        raise unsupported(layer, "a slope together with a ceiling is not rebuilt")
    if slope:
        return assembly.call(functional.leaky_relu, value, slope, first=value.channels_first)
    if ceiling is None:
        return assembly.call(functional.relu, value, first=value.channels_first)
    if ceiling == 6:
        return assembly.call(functional.relu6, value, first=value.channels_first)
    return assembly.call(functional.hardtanh, value, 0.0, float(ceiling), first=value.channels_first)


def leaky_relu(assembly: Assembly, layer: Any, value: Value) -> Value:
    return assembly.call(functional.leaky_relu, value, float(layer.negative_slope), first=value.channels_first)


def elu(assembly: Assembly, layer: Any, value: Value) -> Value:
    return assembly.call(functional.elu, value, float(layer.alpha), first=value.channels_first)


def prelu(assembly: Assembly, layer: Any, value: Value) -> Value:
    """One slope per channel, shared over every other axis."""
    alpha = constant(layer.alpha)
    if alpha.numel() != alpha.shape[-1]:
        raise unsupported(layer, "a slope an element is not rebuilt: share it over the spatial axes (shared_axes)")
    return assembly.module(layer, partial(_prelu, alpha.reshape(-1)), assembly.first(value), first=True)


def softmax(assembly: Assembly, layer: Any, value: Value) -> Value:
    if not isinstance(layer.axis, int):
        raise unsupported(layer, "a softmax over several axes is not rebuilt")
    return along_axis(assembly, functional.softmax, value, layer.axis)


def _prelu(alpha: torch.Tensor) -> nn.Module:
    module = nn.PReLU(len(alpha))
    with torch.no_grad():
        module.weight.copy_(alpha)
    return module
