"""Operators that compute element by element, reduce, or choose (ONNX operator specification)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from edgerig.build.routes.onnx_to_torch.node import Node, Operation, Tensor

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
"""TensorProto.DataType → torch's."""
REAL = frozenset({torch.float16, torch.float32, torch.float64})


def plain(function: Callable[..., Any]) -> Callable[[Node], Operation]:
    return lambda node: function


def _divide(a: Tensor, b: Tensor) -> Tensor:
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc") if whole else a / b


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Node], Operation]:
    def several(*values: Tensor) -> Tensor:
        found = values[0]
        for value in values[1:]:
            found = function(found, value)
        return found

    return plain(several)


def clip(node: Node) -> Operation:
    """Bounds are inputs from opset 11 on, which may be left out."""
    bounds = [
        float(node.known(index)) if node.has(index) else node.get(name, None)
        for index, name in ((1, "min"), (2, "max"))
    ]
    if bounds == [0.0, 6.0]:
        return lambda x, *_: functional.relu6(x) if x.is_floating_point() else torch.clamp(x, 0, 6)
    if bounds == [0.0, None]:
        return lambda x, *_: functional.relu(x)
    return lambda x, *_: torch.clamp(x, bounds[0], bounds[1])


def cast(node: Node) -> Operation:
    """A real number stays of the precision the network computes in, which may be half."""
    wanted = DTYPES.get(int(node.get("to", 1)))
    if wanted is None:
        raise node.refused("torch has no such dtype here")
    return lambda x, like=None: x.to(like if wanted in REAL and like is not None else wanted)


def softmax(node: Node, function: Callable[..., Tensor]) -> Operation:
    axis = int(node.get("axis", -1))
    return lambda x: function(x, dim=axis)


def reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[[Node], Operation]:
    def rebuild(node: Node) -> Operation:
        axes, keep = node.numbers(1, "axes"), bool(node.get("keepdims", 1))
        nothing = axes is None and bool(node.get("noop_with_empty_axes", 0))

        def reduce(x: Tensor, *_: Any) -> Tensor:
            return x if nothing else function(x, axes if axes is not None else list(range(x.ndim)), keep)

        return reduce

    return rebuild


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(dim=axis, keepdim=keep)
    return x


def chosen(function: Callable[..., Tensor]) -> Callable[[Node], Operation]:
    """ArgMax and ArgMin; of equals the first."""

    def rebuild(node: Node) -> Operation:
        if node.get("select_last_index", 0):
            raise node.refused("it takes the last of equal values")
        axis, keep = int(node.get("axis", 0)), bool(node.get("keepdims", 1))
        return lambda x: function(x, dim=axis, keepdim=keep)

    return rebuild


def top_k(node: Node) -> Operation:
    count, axis = int(node.known(1).reshape(-1)[0]), int(node.get("axis", -1))
    largest = bool(node.get("largest", 1))
    return lambda x, *_: torch.topk(x, count, dim=axis, largest=largest)


def cumulative(node: Node) -> Operation:
    if node.get("exclusive", 0) or node.get("reverse", 0):
        raise node.refused("it is exclusive or goes backwards")
    axis = int(node.known(1).reshape(-1)[0])
    return lambda x, *_: torch.cumsum(x, dim=axis)


def _gelu(node: Node) -> Operation:
    how = node.get("approximate", "none")
    return lambda x: functional.gelu(x, approximate=how)


def _hard_sigmoid(node: Node) -> Operation:
    slope, offset = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
    if math.isclose(slope, 1 / 6, rel_tol=1e-5) and offset == 0.5:
        return lambda x: functional.hardsigmoid(x)
    return lambda x: torch.clamp(x * slope + offset, 0.0, 1.0)


def _parametric(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _selu(node: Node) -> Operation:
    """torch's has its two numbers built in."""
    alpha, gamma = float(node.get("alpha", SELU_ALPHA)), float(node.get("gamma", SELU_GAMMA))
    if abs(alpha - SELU_ALPHA) < 1e-6 and abs(gamma - SELU_GAMMA) < 1e-6:
        return lambda x: functional.selu(x)
    return lambda x: gamma * functional.elu(x, alpha)


SELU_ALPHA, SELU_GAMMA = 1.6732632, 1.0507010
"""The operator's defaults (ONNX operator specification)."""


OPERATORS: dict[str, Callable[[Node], Operation]] = {
    **{
        name: plain(function)
        for name, function in {
            "Abs": torch.abs,
            "Neg": torch.neg,
            "Exp": torch.exp,
            "Log": torch.log,
            "Sqrt": torch.sqrt,
            "Erf": torch.erf,
            "Floor": torch.floor,
            "Ceil": torch.ceil,
            "Round": torch.round,
            "Sin": torch.sin,
            "Cos": torch.cos,
            "Sign": torch.sign,
            "Reciprocal": torch.reciprocal,
            "Not": torch.logical_not,
            "Relu": functional.relu,
            "Sigmoid": torch.sigmoid,
            "Tanh": torch.tanh,
            "Softplus": functional.softplus,
            "Softsign": functional.softsign,
            "HardSwish": functional.hardswish,
            "Mish": functional.mish,
            "PRelu": _parametric,
            "Add": torch.add,
            "Sub": torch.sub,
            "Mul": torch.mul,
            "Div": _divide,
            "Pow": torch.pow,
            "And": torch.logical_and,
            "Or": torch.logical_or,
            "Xor": torch.logical_xor,
            "Equal": torch.eq,
            "Greater": torch.gt,
            "GreaterOrEqual": torch.ge,
            "Less": torch.lt,
            "LessOrEqual": torch.le,
            "Where": torch.where,
        }.items()
    },
    "Identity": plain(lambda x: x),
    "Dropout": plain(lambda x, *_: x),
    "Max": _folded(torch.maximum),
    "Min": _folded(torch.minimum),
    "Sum": _folded(torch.add),
    "Clip": clip,
    "Cast": cast,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "Elu": lambda node: lambda x: functional.elu(x, float(node.get("alpha", 1.0))),
    "Selu": _selu,
    "LeakyRelu": lambda node: lambda x: functional.leaky_relu(x, float(node.get("alpha", 0.01))),
    "Softmax": lambda node: softmax(node, functional.softmax),
    "LogSoftmax": lambda node: softmax(node, functional.log_softmax),
    "ReduceMean": reduction(lambda x, axes, keep: x.mean(dim=axes, keepdim=keep)),
    "ReduceSum": reduction(lambda x, axes, keep: x.sum(dim=axes, keepdim=keep)),
    "ReduceMax": reduction(lambda x, axes, keep: x.amax(dim=axes, keepdim=keep)),
    "ReduceMin": reduction(lambda x, axes, keep: x.amin(dim=axes, keepdim=keep)),
    "ReduceProd": reduction(_product),
    "ReduceL1": reduction(lambda x, axes, keep: x.abs().sum(dim=axes, keepdim=keep)),
    "ReduceL2": reduction(lambda x, axes, keep: (x * x).sum(dim=axes, keepdim=keep).sqrt()),
    "ReduceSumSquare": reduction(lambda x, axes, keep: (x * x).sum(dim=axes, keepdim=keep)),
    "ReduceLogSumExp": reduction(lambda x, axes, keep: torch.logsumexp(x, dim=axes, keepdim=keep)),
    "ArgMax": chosen(torch.argmax),
    "ArgMin": chosen(torch.argmin),
    "TopK": top_k,
    "CumSum": cumulative,
}
