"""Weights in one form, whatever axis order a framework stores them in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]
OUTLIER = 8.0
"""How many times the median channel's ratio of bias to weights a channel's may be before the bias counts as range."""


@dataclass(frozen=True)
class Form:
    """How a stored weight of shape `stored` becomes (groups, outputs a group, inputs a group, …): split into the axes
    `split`, then transposed by `order`."""

    stored: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]

    def of(self, weight: Floats) -> Floats:
        return weight.reshape(self.split).transpose(self.order)

    def back(self, weight: Floats) -> Floats:
        return weight.transpose(np.argsort(self.order)).reshape(self.stored)


def convolution(shape: tuple[int, ...], groups: int) -> Form:
    """Of (outputs, inputs a group, …): ONNX' Conv, torch's convNd and, with one group, their Linear and transB Gemm."""
    split = (groups, shape[0] // groups, *shape[1:])
    return Form(shape, split, tuple(range(len(split))))


def transposed_convolution(shape: tuple[int, ...], groups: int) -> Form:
    """Of (inputs, outputs a group, …): ONNX' ConvTranspose, torch's conv_transposeNd and, with one group, a matrix."""
    split = (groups, shape[0] // groups, *shape[1:])
    return Form(shape, split, (0, 2, 1, *range(3, len(split))))


def channels_last(shape: tuple[int, ...], groups: int) -> Form:
    """Of (outputs, …, inputs a group): TFLite's CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED (schema.fbs)."""
    split = (groups, shape[0] // groups, *shape[1:])
    last = len(split) - 1
    return Form(shape, split, (0, 1, last, *range(2, last)))


def depthwise_last(shape: tuple[int, ...], inputs: int) -> Form:
    """Of (1, height, width, inputs · multiplier): TFLite's DEPTHWISE_CONV_2D (schema.fbs)."""
    return Form(shape, (*shape[:3], inputs, shape[3] // inputs), (3, 4, 0, 1, 2))


@dataclass(frozen=True)
class Layer:
    """`weight` (groups, outputs a group, inputs a group, …), `bias` (outputs,) or None; computed in float64."""

    weight: Floats
    bias: Floats | None = None

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[0] * self.weight.shape[1])

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[0] * self.weight.shape[2])

    @property
    def one_to_one(self) -> bool:
        """Is each output made of one input alone, as in a depthwise convolution of multiplier 1?"""
        return self.weight.shape[1:3] == (1, 1)

    @property
    def output_ranges(self) -> Floats:
        """(outputs,): the largest magnitude of a channel's weights. Where a bias dwarfs them, as no weights of the
        layer's are dwarfed, what it is in the median channel's proportion: scaled up with nearly dead weights, it would
        be all that the activation's range is made of (high biases, section 4.1.3 of the paper)."""
        found = _largest(self.weight, 1)
        if self.bias is None:
            return found
        bias = np.abs(self.bias)
        known = (found > 0) & (bias > 0)
        if not known.any():
            return found
        usual = float(np.median(bias[known] / found[known]))
        return np.where(known, np.maximum(found, bias / (OUTLIER * usual)), found)

    @property
    def input_ranges(self) -> Floats:
        """(inputs,): the largest magnitude of the weights that multiply a channel."""
        return _largest(self.weight, 2)

    def scaled(self, *, outputs: Floats | None = None, inputs: Floats | None = None) -> Layer:
        """The layer with each output channel, and each input's weights, multiplied; a bias goes with its output."""
        layer = self
        if outputs is not None:
            bias = None if layer.bias is None else layer.bias * outputs
            layer = replace(layer, weight=layer.weight * _along(outputs, layer.weight, 1), bias=bias)
        if inputs is not None:
            layer = replace(layer, weight=layer.weight * _along(inputs, layer.weight, 2))
        return layer


def _largest(weight: Floats, axis: int) -> Floats:
    """Largest magnitude by group and `axis`, in one row."""
    others = tuple(each for each in range(1, weight.ndim) if each != axis)
    found: Floats = np.abs(weight).max(axis=others).reshape(-1)
    return found


def _along(factors: Floats, weight: Floats, axis: int) -> Floats:
    """`factors`, one for each group and place on `axis`, in a shape that multiplies `weight`."""
    shape = [1] * weight.ndim
    shape[0], shape[axis] = weight.shape[0], weight.shape[axis]
    return factors.reshape(shape)
