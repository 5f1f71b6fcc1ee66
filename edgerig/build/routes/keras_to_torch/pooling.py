"""Pooling. Three axes are pooled as four with a height of 1: XNNPACK pools in two dimensions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value
from edgerig.build.routes.keras_to_torch.convolution import Pads, same_padding, zero_padded

Window = tuple[int, int]


def maximum(assembly: Assembly, layer: Any, value: Value) -> Value:
    """MaxPooling1D, MaxPooling2D. TensorFlow's padding never wins: torch's is minus infinity."""

    def pool(image: Value, kernel: Window, stride: Window, pads: Pads) -> Value:
        before = tuple(pair[0] for pair in pads)
        uneven = [axis for axis, pair in enumerate(pads) if pair[0] != pair[1]]
        # The odd element at the end is what ceil_mode adds, unless windows are one apart.
        by_ceiling = all(stride[axis] > 1 for axis in uneven)
        if not by_ceiling:
            image, before = _edges_repeated(assembly, image, pads), (0, 0)
        ceiling = by_ceiling and bool(uneven)
        return assembly.call(functional.max_pool2d, image, kernel, stride, before, 1, ceiling, first=True)

    return _windowed(assembly, layer, value, pool)


def average(assembly: Assembly, layer: Any, value: Value) -> Value:
    """AveragePooling1D, AveragePooling2D. TensorFlow divides by the elements that are not padding."""

    def pool(image: Value, kernel: Window, stride: Window, pads: Pads) -> Value:
        before = tuple(pair[0] for pair in pads)
        if all(pair[0] == pair[1] for pair in pads):
            return assembly.call(functional.avg_pool2d, image, kernel, stride, before, False, False, first=True)
        share = _share_inside(image.spatial, kernel, stride, pads)
        padded = zero_padded(assembly, image, pads)
        mean = assembly.call(functional.avg_pool2d, padded, kernel, stride, first=True)
        return assembly.call(torch.mul, mean, assembly.buffer(1 / share, first=True), first=True)

    return _windowed(assembly, layer, value, pool)


def global_average(assembly: Assembly, layer: Any, value: Value) -> Value:
    """GlobalAveragePooling1D, GlobalAveragePooling2D."""
    image = _as_image(assembly, value)
    return _flattened(assembly, layer, value, assembly.call(functional.adaptive_avg_pool2d, image, 1, first=True))


def global_maximum(assembly: Assembly, layer: Any, value: Value) -> Value:
    """GlobalMaxPooling1D, GlobalMaxPooling2D: one window over the whole image."""
    image = _as_image(assembly, value)
    return _flattened(assembly, layer, value, assembly.call(functional.max_pool2d, image, image.spatial, first=True))


def _windowed(
    assembly: Assembly, layer: Any, value: Value, pool: Callable[[Value, Window, Window, Pads], Value]
) -> Value:
    image = _as_image(assembly, value)
    kernel, stride = _two(layer.pool_size), _two(layer.strides)
    pads = [(0, 0), (0, 0)]
    if layer.padding == "same":
        pads = [same_padding(n, k, s) for n, k, s in zip(image.spatial, kernel, stride, strict=True)]
    pooled = pool(image, kernel, stride, pads)
    return pooled if len(value.shape) == 4 else assembly.call(torch.squeeze, pooled, 2, first=True)


def _as_image(assembly: Assembly, value: Value) -> Value:
    value = assembly.first(value)
    return value if len(value.shape) == 4 else assembly.call(torch.unsqueeze, value, 2, first=True)


def _flattened(assembly: Assembly, layer: Any, value: Value, pooled: Value) -> Value:
    """`pooled`, (1, C, 1, 1), as Keras gives it: with its spatial axes kept, or none."""
    if not layer.keepdims:
        return assembly.call(torch.flatten, pooled, 1)
    return pooled if len(value.shape) == 4 else assembly.call(torch.squeeze, pooled, 2, first=True)


def _two(lengths: tuple[int, ...]) -> Window:
    return (1, int(lengths[0])) if len(lengths) == 1 else (int(lengths[0]), int(lengths[1]))


def _edges_repeated(assembly: Assembly, image: Value, pads: Pads) -> Value:
    """`image` with its outermost elements repeated: every window that holds the copy holds the original too."""
    for axis, (before, after) in enumerate(pads, start=2):
        if before or after:
            length = image.sample.shape[axis]
            start = assembly.call(torch.narrow, image, axis, 0, 1, first=True)
            end = assembly.call(torch.narrow, image, axis, length - 1, 1, first=True)
            image = assembly.joined([start] * before + [image] + [end] * after, axis, first=True)
    return image


def _share_inside(lengths: tuple[int, ...], kernel: Window, stride: Window, pads: Pads) -> torch.Tensor:
    """(1, 1, H, W): what share of each window lies inside the image."""
    inside = functional.pad(torch.ones(1, 1, *lengths), [p for pair in reversed(pads) for p in pair])
    return functional.avg_pool2d(inside, kernel, stride)
