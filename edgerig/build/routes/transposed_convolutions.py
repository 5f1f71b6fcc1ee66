"""Transposed convolutions as litert-torch can take them.

It lowers one to TFLite's TRANSPOSE_CONV only where its padding is TensorFlow's VALID (none) or SAME (kernel less twice
the padding is the stride); of others, such as kernel 3, stride 2, padding 1, the usual way to double an image, it makes
a convolution that no TFLite operator matches, or a wrong one. Any of them is the one without padding, cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # its usual name
from torch import nn
from torch.overrides import TorchFunctionMode

AXES: dict[Any, int] = {
    torch.conv_transpose1d: 1,
    torch.conv_transpose2d: 2,
    torch.ops.aten.conv_transpose1d.default: 1,
    torch.ops.aten.conv_transpose2d.input: 2,
}
"""The functions, as modules and as exported programs call them → how many axes they work along."""


class Cut(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """`inner`, whose transposed convolutions are computed without padding and cut."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def train(self, mode: bool = True) -> Cut:
        """`inner` is in inference mode; one that was exported refuses to be told so."""
        self.training = mode
        return self

    def forward(self, *inputs: torch.Tensor) -> Any:
        with _Cutting():
            return self.inner(*inputs)


class _Cutting(TorchFunctionMode):  # type: ignore[misc]  # as above
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in AXES:
            return _cut(func, AXES[func], *args, **given)
        return func(*args, **given)


def _cut(
    func: Callable[..., torch.Tensor],
    axes: int,
    input: torch.Tensor,  # its name in torch, which callers may use
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> torch.Tensor:
    strides, pads, extras, dilations = (_each(value, axes) for value in (stride, padding, output_padding, dilation))
    kernel = [int(length) for length in weight.shape[2:]]
    valid = all(p == 0 and e == 0 for p, e in zip(pads, extras, strict=True))
    same = all(k - 2 * p == s and e == 0 for k, p, s, e in zip(kernel, pads, strides, extras, strict=True))
    if (valid or same) and set(dilations) == {1}:
        return func(input, weight, bias, strides, pads, extras, groups, dilations)
    whole = func(input, _spread(weight, dilations), bias, strides, [0] * axes, [0] * axes, groups, [1] * axes)
    for axis, (p, e) in enumerate(zip(pads, extras, strict=True), start=2):
        whole = whole.narrow(axis, p, whole.shape[axis] - 2 * p + min(e, p))
        if e > p:  # what lies beyond every kernel is the bias alone
            fill = torch.zeros_like(whole.narrow(axis, 0, e - p))
            whole = torch.cat([whole, fill if bias is None else fill + bias.reshape(1, -1, *[1] * axes)], axis)
    return whole


def _spread(weight: torch.Tensor, dilations: list[int]) -> torch.Tensor:
    """A dilated kernel as one that is not, with zeros between its weights."""
    for axis, dilation in enumerate(dilations, start=2):
        if dilation > 1:
            parts = weight.unsqueeze(axis + 1)
            parts = F.pad(parts, [0, 0] * (weight.dim() - axis - 1) + [0, dilation - 1])
            weight = parts.flatten(axis, axis + 1).narrow(axis, 0, dilation * (weight.shape[axis] - 1) + 1)
    return weight


def _each(value: Any, axes: int) -> list[int]:
    return [int(value)] * axes if isinstance(value, int) else [int(v) for v in value] * (axes // len(value))
