"""Convolutions, pools, normalizations and matrix products (ONNX operator specification)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from edgerig.build.routes.onnx_to_torch.node import Node, Operation, Tensor, edged, pairs

CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}
MAX_POOLS: dict[int, Callable[..., Tensor]] = {
    1: functional.max_pool1d,
    2: functional.max_pool2d,
    3: functional.max_pool3d,
}
AVERAGE_POOLS: dict[int, Callable[..., Tensor]] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}


def _padding(node: Node, x: Tensor, kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """Begins, then ends. SAME: as many as make the output ceil(input / stride), the odd one where the name says."""
    how = str(node.get("auto_pad", "NOTSET"))
    if how in ("NOTSET", "VALID"):
        return [0] * (2 * len(kernel)) if how == "VALID" else list(node.get("pads", [0] * (2 * len(kernel))))
    totals = [
        max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        for size, k, stride, dilation in zip(x.shape[2:], kernel, strides, dilations, strict=True)
    ]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return [*large, *small] if how == "SAME_LOWER" else [*small, *large]


def _even(pads: list[int]) -> list[int] | None:
    """Padding that is the same at both ends, an axis each; None where it is not."""
    half = len(pads) // 2
    return pads[:half] if pads[:half] == pads[half:] else None


def convolution(node: Node) -> Operation:
    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        kernel = list(weight.shape[2:])
        ones = [1] * len(kernel)
        strides, dilations = list(node.get("strides", ones)), list(node.get("dilations", ones))
        pads = _padding(node, x, kernel, strides, dilations)
        even = _even(pads)
        padded = x if even is not None else functional.pad(x, pairs(pads))
        function = CONVOLUTIONS[len(kernel)]
        return function(padded, weight, bias, strides, even or [0] * len(kernel), dilations, int(node.get("group", 1)))

    return convolve


def transposed(node: Node) -> Operation:
    if node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or node.get("output_shape", None):
        raise node.refused("its padding follows from the shape of its output")

    def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        count = weight.ndim - 2
        ones, none = [1] * count, [0] * count
        pads = list(node.get("pads", [0] * (2 * count)))
        even = _even(pads)
        extra, dilations = list(node.get("output_padding", none)), list(node.get("dilations", ones))
        strides, groups = list(node.get("strides", ones)), int(node.get("group", 1))
        found = TRANSPOSED[count](x, weight, bias, strides, even or none, extra, groups, dilations)
        return found if even is not None else edged(found, [-pad for pad in pairs(pads)])

    return convolve


def max_pool(node: Node) -> Operation:
    if len(node.outputs) > 1 and node.outputs[1]:
        raise node.refused("it gives indices")
    kernel = list(node.get("kernel_shape", []))
    ones = [1] * len(kernel)
    strides, dilations = list(node.get("strides", ones)), list(node.get("dilations", ones))
    ceil = bool(node.get("ceil_mode", 0))

    def pool(x: Tensor) -> Tensor:
        pads = _padding(node, x, kernel, strides, dilations)
        even = _even(pads)
        fits = even is not None and all(2 * pad <= k for pad, k in zip(even, kernel, strict=True))
        padded = x if fits else functional.pad(x, pairs(pads), value=torch.finfo(x.dtype).min)
        return MAX_POOLS[len(kernel)](padded, kernel, strides, even if fits else [0] * len(kernel), dilations, ceil)

    return pool


def average_pool(node: Node) -> Operation:
    kernel = list(node.get("kernel_shape", []))
    ones = [1] * len(kernel)
    strides, counted = list(node.get("strides", ones)), bool(node.get("count_include_pad", 0))
    if any(each != 1 for each in node.get("dilations", ones)):
        raise node.refused("it is dilated")

    def pool(x: Tensor) -> Tensor:
        pads = _padding(node, x, kernel, strides, ones)
        even = _even(pads)
        function, ceil = AVERAGE_POOLS[len(kernel)], bool(node.get("ceil_mode", 0))
        if even is not None and all(2 * pad <= k for pad, k in zip(even, kernel, strict=True)):
            return function(x, kernel, strides, even, ceil, counted)
        found = function(functional.pad(x, pairs(pads)), kernel, strides, 0, ceil)
        if counted:
            return found
        return found / function(functional.pad(torch.ones_like(x[:, :1]), pairs(pads)), kernel, strides, 0, ceil)

    return pool


def batch_norm(node: Node) -> Operation:
    epsilon = float(node.get("epsilon", 1e-5))
    return lambda x, scale, bias, mean, variance: functional.batch_norm(
        x, mean, variance, scale, bias, False, 0.0, epsilon
    )


def layer_norm(node: Node) -> Operation:
    epsilon, axis = float(node.get("epsilon", 1e-5)), int(node.get("axis", -1))

    def normalize(x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.layer_norm(x, x.shape[axis:], scale.expand(x.shape[axis:]), bias, epsilon)

    return normalize


def group_norm(node: Node) -> Operation:
    epsilon, groups = float(node.get("epsilon", 1e-5)), int(node.get("num_groups", 1))

    def normalize(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        if scale.numel() != x.shape[1]:
            raise node.refused("it has one scale per group, as before opset 21")
        return functional.group_norm(x, groups, scale, bias, epsilon)

    return normalize


def gemm(node: Node) -> Operation:
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))

    def multiply(a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        product = (a.T if node.get("transA", 0) else a) @ (b.T if node.get("transB", 0) else b)
        scaled = product if alpha == 1.0 else product * alpha
        return scaled if c is None else scaled + (c if beta == 1.0 else c * beta)

    return multiply


def _over_space(function: Callable[..., Tensor]) -> Callable[[Node], Operation]:
    def pool(x: Tensor) -> Tensor:
        return function(x, dim=list(range(2, x.ndim)), keepdim=True)

    return lambda node: pool


def einsum(node: Node) -> Operation:
    equation = str(node.get("equation", ""))
    return lambda *values: torch.einsum(equation, *values)


def instance_norm(node: Node) -> Operation:
    epsilon = float(node.get("epsilon", 1e-5))
    return lambda x, scale, bias: functional.instance_norm(x, None, None, scale, bias, True, 0.0, epsilon)


OPERATORS: dict[str, Callable[[Node], Any]] = {
    "Conv": convolution,
    "ConvTranspose": transposed,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": _over_space(torch.mean),
    "GlobalMaxPool": _over_space(torch.amax),
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "Gemm": gemm,
    "MatMul": lambda node: torch.matmul,
    "Einsum": einsum,
}
