"""Layers and operations that combine values element by element, and those that normalise them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import nn

from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, constant, unsupported

Operand = Value | float


def add(assembly: Assembly, _layer: Any, *values: Operand) -> Value:
    return _folded(assembly, operator.add, values)


def subtract(assembly: Assembly, _layer: Any, *values: Operand) -> Value:
    return _folded(assembly, operator.sub, values)


def multiply(assembly: Assembly, _layer: Any, *values: Operand) -> Value:
    return _folded(assembly, operator.mul, values)


def divide(assembly: Assembly, _layer: Any, *values: Operand) -> Value:
    return _folded(assembly, operator.truediv, values)


def average(assembly: Assembly, _layer: Any, *values: Value) -> Value:
    total = _folded(assembly, operator.add, values)
    return assembly.call(operator.mul, total, 1 / len(values), first=total.channels_first)


def maximum(assembly: Assembly, _layer: Any, *values: Value) -> Value:
    return _folded(assembly, torch.maximum, values)


def minimum(assembly: Assembly, _layer: Any, *values: Value) -> Value:
    return _folded(assembly, torch.minimum, values)


def concatenate(assembly: Assembly, layer: Any, *values: Value) -> Value:
    """Along an axis given in Keras' order."""
    operands = _aligned(assembly, values)
    axes = len(values[0].shape)
    axis = layer.axis % axes
    first = operands[0].channels_first
    if first and axis > 0:
        axis = 1 if axis == axes - 1 else axis + 1
    return assembly.joined(operands, axis, first=first)


def batch_normalization(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Over the last axis, by the moving statistics."""
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis % len(value.shape) != len(value.shape) - 1:
        raise unsupported(layer, f"normalising over axis {axis} is not rebuilt: only over the last one")

    def make() -> nn.Module:
        mean, variance = constant(layer.moving_mean), constant(layer.moving_variance)
        kind = nn.BatchNorm2d if len(value.shape) == 4 else nn.BatchNorm1d
        module = kind(len(mean), eps=float(layer.epsilon))
        with torch.no_grad():
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
            module.weight.copy_(constant(layer.gamma) if layer.scale else torch.ones_like(mean))
            module.bias.copy_(constant(layer.beta) if layer.center else torch.zeros_like(mean))
        return module

    return assembly.module(layer, make, assembly.first(value), first=True, variant=len(value.shape) == 4)


def layer_normalization(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Over the last axis."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if [axis % len(value.shape) for axis in axes] != [len(value.shape) - 1] or getattr(layer, "rms_scaling", False):
        raise unsupported(layer, "only a normalisation over the last axis, by mean and variance, is rebuilt")

    def make() -> nn.Module:
        module = nn.LayerNorm(value.shape[-1], eps=float(layer.epsilon))
        with torch.no_grad():
            if layer.scale:
                module.weight.copy_(constant(layer.gamma))
            if layer.center:
                module.bias.copy_(constant(layer.beta))
        return module

    return assembly.module(layer, make, assembly.last(value))


def rescaling(assembly: Assembly, layer: Any, value: Value) -> Value:
    """x * scale + offset, each a number or one per channel."""
    return _affine(assembly, value, constant(layer.scale), constant(layer.offset))


def normalization(assembly: Assembly, layer: Any, value: Value) -> Value:
    """(x - mean) / deviation, of the data the layer was adapted to."""
    if layer.invert:
        raise unsupported(layer, "an inverted normalisation is not rebuilt")
    mean = constant(layer.mean)
    deviation = constant(layer.variance).sqrt().clamp(min=keras.config.epsilon())
    return _affine(assembly, value, 1 / deviation, -mean / deviation)


def _affine(assembly: Assembly, value: Value, scale: torch.Tensor, offset: torch.Tensor) -> Value:
    if scale.numel() > 1 or offset.numel() > 1:
        value = assembly.last(value)
        scaled = assembly.call(operator.mul, value, assembly.buffer(scale))
        return assembly.call(operator.add, scaled, assembly.buffer(offset))
    first = value.channels_first
    if scale.item() != 1:
        value = assembly.call(operator.mul, value, scale.item(), first=first)
    return assembly.call(operator.add, value, offset.item(), first=first) if offset.item() else value


def _folded(assembly: Assembly, function: Callable[..., Any], operands: tuple[Operand, ...]) -> Value:
    """`function` of the operands from left to right; a number stays one."""
    values = iter(_aligned(assembly, [operand for operand in operands if isinstance(operand, Value)]))
    ordered = [next(values) if isinstance(operand, Value) else operand for operand in operands]
    first = next(value.channels_first for value in ordered if isinstance(value, Value))
    result = ordered[0]
    for operand in ordered[1:]:
        result = assembly.call(function, result, operand, first=first)
    return result  # type: ignore[return-value]  # one of them is a value, so is the result


def _aligned(assembly: Assembly, values: tuple[Value, ...] | list[Value]) -> list[Value]:
    """The values in one order: channels first where one is and all have as many axes, so that few are permuted."""
    several = {len(value.shape) for value in values}
    first = len(several) == 1 and any(value.channels_first for value in values)
    return [assembly.first(value) if first else assembly.last(value) for value in values]
