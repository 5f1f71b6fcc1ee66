"""Layers that move, add, drop or repeat elements."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, unsupported
from edgerig.build.routes.keras_to_torch.convolution import zero_padded


def identity(_assembly: Assembly, _layer: Any, value: Value) -> Value:
    """Layers that do something in training only."""
    return value


def flatten(assembly: Assembly, _layer: Any, value: Value) -> Value:
    """In Keras' order, channels last: the weights of a dense layer behind it follow it."""
    return _reshaped(assembly, value, (1, math.prod(value.shape)))


def reshape(assembly: Assembly, layer: Any, value: Value) -> Value:
    target = [int(length) for length in layer.target_shape]
    if -1 in target:
        known = math.prod(length for length in target if length != -1)
        target[target.index(-1)] = math.prod(value.shape) // known
    return _reshaped(assembly, value, (1, *target))


def permute(assembly: Assembly, layer: Any, value: Value) -> Value:
    return assembly.call(torch.permute, assembly.last(value), (0, *layer.dims))


def zero_padding(assembly: Assembly, layer: Any, value: Value) -> Value:
    """ZeroPadding1D, ZeroPadding2D."""
    return zero_padded(assembly, value, _pairs(layer.padding))


def cropping(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Cropping1D, Cropping2D."""
    value = assembly.first(value)
    for axis, (before, after) in enumerate(_pairs(layer.cropping), start=2):
        if before or after:
            length = value.sample.shape[axis] - before - after
            value = assembly.call(torch.narrow, value, axis, before, length, first=True)
    return value


def upsampling(assembly: Assembly, layer: Any, value: Value) -> Value:
    """UpSampling1D, UpSampling2D: nearest, or bilinear by the elements' centres, as TensorFlow resizes."""
    value = assembly.first(value)
    factors = layer.size if isinstance(layer.size, tuple | list) else (layer.size,)
    lengths = [int(length * factor) for length, factor in zip(value.spatial, factors, strict=True)]
    match getattr(layer, "interpolation", "nearest"):
        case "nearest":
            return assembly.call(functional.interpolate, value, lengths, mode="nearest", first=True)
        case "bilinear":
            return assembly.call(
                functional.interpolate, value, lengths, mode="bilinear", align_corners=False, first=True
            )
        case other:
            raise unsupported(layer, f'the interpolation "{other}" is not rebuilt')


def _reshaped(assembly: Assembly, value: Value, shape: tuple[int, ...]) -> Value:
    """`value` as `shape` (Keras' order). Where the spatial axes have one element each, orders agree and none moves."""
    if math.prod(value.spatial) != 1:
        value = assembly.last(value)
    if len(shape) > 2 and math.prod(shape[1:-1]) == 1:
        return assembly.call(torch.reshape, value, (shape[0], shape[-1], *shape[1:-1]), first=True)
    return assembly.call(torch.reshape, value, shape)


def _pairs(lengths: Any) -> list[tuple[int, int]]:
    """Keras' (before, after) of one axis, or a pair of them for each of several axes."""
    if isinstance(lengths[0], int):
        return [(int(lengths[0]), int(lengths[1]))]
    return [(int(before), int(after)) for before, after in lengths]
