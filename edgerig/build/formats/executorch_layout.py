"""Whether lowering feeds a dynamically quantized convolution in the layout XNNPACK's kernel reads.

XNNPACK convolves NHWC tensors; ExecuTorch's lowering keeps values NHWC from one convolution to the next and transposes
where a kernel meets an NCHW value. In front of a *dynamic* quantization it finds the place to transpose by following
first arguments back to the start of the delegate (`_passes/channels_last_tagged_reshape_pass.py`, `input_to_nhwc`) and
leaves what stands between, prepared for NCHW already, behind a transposed input: a padding then pads channels, a
broadcast meets the wrong axis, and the program fails at run time with "Propagating input shapes failed" or computes
something else. It is right where the value is NHWC already, or is itself the start.
"""

from __future__ import annotations

import torch
from torch import fx

RANK = 4
aten = torch.ops.aten
NHWC = frozenset(
    {
        aten.conv2d.default,
        aten.conv2d.padding,
        aten.conv_transpose2d.input,
        aten.max_pool2d.default,
        aten.avg_pool2d.default,
        aten.adaptive_avg_pool2d.default,
        aten.upsample_bilinear2d.vec,
        aten.prelu.default,
    }
)
"""Operators that give NHWC values whatever they are fed (`memory_sensitive_ops_nhwc`)."""
EITHER = frozenset(
    {
        aten.relu.default,
        aten.relu_.default,
        aten.hardtanh.default,
        aten.hardtanh_.default,
        aten.clamp.default,
        aten.silu.default,
        aten.silu_.default,
        aten.sigmoid.default,
        aten.tanh.default,
        aten.hardswish.default,
        aten.hardswish_.default,
        aten.leaky_relu.default,
        aten.leaky_relu_.default,
        aten.gelu.default,
        aten.elu.default,
        aten.add.Tensor,
        aten.add_.Tensor,
        aten.sub.Tensor,
        aten.mul.Tensor,
        aten.mul_.Tensor,
        aten.cat.default,
        aten.constant_pad_nd.default,
        aten.pad.default,
        aten.dropout.default,
    }
)
"""Operators that give NHWC values when they are fed one, and nothing that cannot be transposed."""


def channels_last(value: fx.Node) -> bool:
    """Is `value`, read by a convolution, NHWC when it is lowered, or a model's input that only convolutions read?"""
    if value.op == "placeholder":
        return all(str(user.target).startswith("aten.conv") for user in value.users)
    return _stays(value)


def _stays(value: fx.Node) -> bool:
    if value.op != "call_function" or not _is_4d(value):
        return False
    if value.target in NHWC:
        return True
    sources = value.all_input_nodes
    return (
        value.target in EITHER
        and not any(isinstance(argument, int | float) for argument in value.args[1:2] if value.target in _BINARY)
        and all(_is_4d(source) for source in sources)
        and any(_stays(source) for source in sources)
    )


_BINARY = frozenset({aten.add.Tensor, aten.add_.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.mul_.Tensor})
"""A number beside a tensor becomes a constant without axes, which cannot be transposed: the tensor is, back to NCHW."""


def _is_4d(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dim() == RANK
