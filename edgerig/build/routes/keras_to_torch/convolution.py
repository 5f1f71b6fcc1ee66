"""Convolutions and dense layers. Kernels are stored (spatial…, inputs, outputs) by Keras, outputs first by torch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from edgerig.build.routes.keras_to_torch.activation import activated
from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, constant, unsupported

Pads = list[tuple[int, int]]
"""(before, after) for each spatial axis."""
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same": as many windows as strides begin inside, the odd element of padding at the end.

    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def zero_padded(assembly: Assembly, value: Value, pads: Pads) -> Value:
    """`value`, channels first, with `pads` around its spatial axes; torch counts them from the last axis.

    XNNPACK lays out an image that comes straight from a permutation wrongly when a padding and a dynamically quantized
    convolution follow ("Propagating input shapes failed" at run time). Pooling by single elements in between, which
    changes nothing, makes it take the image as one.
    """
    flat = [length for pair in reversed(pads) for length in pair]
    if not any(flat):
        return value
    if len(value.shape) == 4 and not value.channels_first:
        value = assembly.call(functional.max_pool2d, assembly.first(value), 1, first=True)
    return assembly.call(functional.pad, assembly.first(value), flat, "constant", 0.0, first=True)


def convolution(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Conv1D, Conv2D, with groups and dilation."""
    kernel = constant(layer.kernel)
    weight = kernel.permute(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    bias = constant(layer.bias) if layer.use_bias else None
    return activated(assembly, layer, _convolved(assembly, layer, value, weight, bias, layer.groups))


def depthwise(assembly: Assembly, layer: Any, value: Value) -> Value:
    """DepthwiseConv1D, DepthwiseConv2D."""
    channels = value.shape[-1]
    bias = constant(layer.bias) if layer.use_bias else None
    weight = _depthwise_weight(constant(layer.kernel))
    return activated(assembly, layer, _convolved(assembly, layer, value, weight, bias, channels))


def separable(assembly: Assembly, layer: Any, value: Value) -> Value:
    """SeparableConv1D, SeparableConv2D: depthwise, then across channels; the bias stands after the second."""
    weight = _depthwise_weight(constant(layer.depthwise_kernel))
    middle = _convolved(assembly, layer, value, weight, None, value.shape[-1])
    kernel = constant(layer.pointwise_kernel)
    across = kernel.permute(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    bias = constant(layer.bias) if layer.use_bias else None
    return activated(
        assembly,
        layer,
        assembly.module(layer, lambda: _module(across, bias, 1), middle, first=True, variant="pointwise"),
    )


def transposed(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Conv1DTranspose, Conv2DTranspose: the gradient of a convolution whose padding is `layer.padding`.

    Torch's result before cropping has (n - 1) * stride + kernel elements an axis; Keras wants n * stride for "same",
    and at least that for "valid".
    """
    if layer.output_padding is not None or any(d != 1 for d in layer.dilation_rate):
        raise unsupported(layer, "output_padding and dilation are not rebuilt")
    kernel = constant(layer.kernel)
    weight = kernel.permute(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2)).contiguous()
    bias = constant(layer.bias) if layer.use_bias else None
    surplus = [max(k - s, 0) if layer.padding == "same" else 0 for k, s in _windows(layer)]
    before = [total // 2 for total in surplus]
    missing = [max(s - k, 0) for k, s in _windows(layer)]

    def make() -> nn.Module:
        module = TRANSPOSED[len(before)](
            weight.shape[0],
            weight.shape[1],
            tuple(layer.kernel_size),
            stride=tuple(layer.strides),
            padding=tuple(before),
            output_padding=tuple(missing),
            bias=bias is not None,
        )
        return _with_weights(module, weight, bias)

    result = assembly.module(layer, make, assembly.first(value), first=True)
    for axis, total in enumerate(surplus, start=2):
        if total % 2:
            result = assembly.call(torch.narrow, result, axis, 0, result.sample.shape[axis] - 1, first=True)
    return activated(assembly, layer, result)


def dense(assembly: Assembly, layer: Any, value: Value) -> Value:
    """Dense, over the last axis."""
    if getattr(layer, "quantization_mode", None) is not None:
        raise unsupported(layer, "its weights are quantized by Keras: build from the float model")
    weight = constant(layer.kernel).T.contiguous()
    bias = constant(layer.bias) if layer.use_bias else None
    result = assembly.module(layer, lambda: linear(weight, bias), assembly.last(value))
    return activated(assembly, layer, result)


def linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """`weight` is (outputs, inputs)."""
    return _with_weights(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight, bias)


def _depthwise_weight(kernel: torch.Tensor) -> torch.Tensor:
    """(spatial…, channels, multiplier) to (channels * multiplier, 1, spatial…), a channel's filters side by side."""
    axes = kernel.ndim
    moved = kernel.permute(axes - 2, axes - 1, *range(axes - 2))
    return moved.reshape(-1, 1, *kernel.shape[: axes - 2])


def _convolved(
    assembly: Assembly, layer: Any, value: Value, weight: torch.Tensor, bias: torch.Tensor | None, groups: int
) -> Value:
    strides, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
    pads = _pads(layer, value.spatial, dilation)
    own = tuple(before for before, _ in pads)
    if any(before != after for before, after in pads):
        value, own = zero_padded(assembly, value, pads), tuple(0 for _ in pads)
    return assembly.module(
        layer,
        lambda: _module(weight, bias, groups, strides, own, dilation),
        assembly.first(value),
        first=True,
        variant=own,
    )


def _pads(layer: Any, lengths: tuple[int, ...], dilation: tuple[int, ...]) -> Pads:
    spans = [(kernel - 1) * step + 1 for (kernel, _), step in zip(_windows(layer), dilation, strict=True)]
    match layer.padding:
        case "valid":
            return [(0, 0) for _ in spans]
        case "causal":
            return [(span - 1, 0) for span in spans]
        case _:
            strides = [stride for _, stride in _windows(layer)]
            return [same_padding(n, span, stride) for n, span, stride in zip(lengths, spans, strides, strict=True)]


def _windows(layer: Any) -> list[tuple[int, int]]:
    """(kernel, stride) of each spatial axis."""
    return list(zip(layer.kernel_size, layer.strides, strict=True))


def _module(
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    groups: int,
    strides: tuple[int, ...] | int = 1,
    padding: tuple[int, ...] | int = 0,
    dilation: tuple[int, ...] | int = 1,
) -> nn.Module:
    """A convolution with `weight` (outputs, inputs / groups, spatial…)."""
    module = CONVOLUTIONS[weight.ndim - 2](
        weight.shape[1] * groups,
        weight.shape[0],
        tuple(weight.shape[2:]),
        stride=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias is not None,
    )
    return _with_weights(module, weight, bias)


def _with_weights(module: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    with torch.no_grad():
        module.weight.copy_(weight)
        if bias is not None:
            module.bias.copy_(bias)
    return module
