"""Runtimes' words for operators → one word for each kind, so that runtimes and recipes can be laid side by side.

The words are those of TFLite's schema (`CONV_2D`), of XNNPACK's operators (`Convolution (NHWC, QC8) DWConv`), of ONNX
(`QLinearConv`) and of ATen's kernels (`convolution.out`). XNNPACK computes a 1×1 convolution as a matrix product and
calls it one; so is it called everywhere it can be told.
"""

from __future__ import annotations

import re
from functools import cache

from edgerig.results.profile import OperatorKind

_WORDS: tuple[tuple[OperatorKind, str], ...] = (
    ("conversion", r"(de)?quantize(?!d|matmul|lstm)|convert|(?<!broad)cast|_to_copy|to_dim_order_copy"),
    ("depthwise convolution", r"dwconv|depthwise"),
    ("transposed convolution", r"deconv|transpose_conv|conv(_3d)?_?transpose"),
    (
        "matrix product",
        r"conv.* 1x1$|fully.?connected|matmul|batch.matrix|(?<!i)gemm|(?<!bi)linear(\.|$)|\bb?mm\b|addmm|attention"
        r"|einsum",
    ),
    ("convolution", r"conv"),
    ("pooling", r"pool"),
    ("softmax", r"softmax"),
    ("normalization", r"norm(?!al(like)?$)|lrn"),
    ("recurrent", r"lstm|gru\b|rnn|svdf"),
    ("control", r"while|^if$|^loop$|scan|call_once|var_handle|variable|cond"),
    ("lookup", r"gather|embedding|lookup|top_?k|one_?hot|scatter|index"),
    ("reduction", r"mean|reduce|sum|arg_?m(ax|in)|a(max|min)\b|prod"),
    (
        "movement",
        r"reshape|transpose|permute|concat|\bcat\b|slice|split|pad|copy|squeeze|expand|tile|pack|stack|resize|upsample"
        r"|reorder|space_?to|to_?space|depth_?to|shuffle|flatten|identity|broadcast|view|shape|fill|reverse|clone|select_copy|interpolate",
    ),
    ("activation", r"relu|sigmoid|tanh|gelu|swish|elu|clamp|clip|logistic|silu|\berf|softplus|mish"),
    (
        "arithmetic",
        r"add|mul|sub|div|pow|sqrt|squared|exp|log|abs|neg|min|max|round|floor|ceil|sin|cos|less|greater|equal|where"
        r"|select|not|sign|reciprocal|\b[lg][te]\b|\b(eq|ne)\b|square",
    ),
)


@cache
def kind_of(name: str) -> OperatorKind:
    """Of an operator by a runtime's name for it; `other` where no word of it is known."""
    lowered = name.lower()
    return next((kind for kind, words in _WORDS if re.search(words, lowered)), "other")
