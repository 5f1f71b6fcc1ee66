"""What a node of ONNX Runtime has to do, by what its profile tells of it: shapes and sizes of its inputs and outputs.

Weights that a session has packed are in neither: of convolutions the file tells their shapes, of products by packed
weights the first factor does. Such weights are as wide as the first factor's numbers, of integer operators a byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgerig.ondevice.profiles.work import UNKNOWN, Tensor, Work, work

INTEGER = ("QLinearConv", "QGemm")
BY_A_MATRIX = ("Gemm", "QGemm", "MatMul", "FusedMatMul")
SIZES = ("activation_size", "parameter_size", "output_size")


def node_work(args: Mapping[str, Any], weights: tuple[int, ...]) -> Work:
    """`weights`: a convolution's, as the file has them, () where it is none or not known."""
    try:
        name, moved = str(args.get("op_name", "")), sum(int(args[size]) for size in SIZES)
        inputs, outputs = (_shapes(args, side) for side in ("input_type_shape", "output_type_shape"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return UNKNOWN
    matrices = [shape for shape in inputs if len(shape) > 1]
    if not outputs or not matrices:
        return Work(None, moved)
    packed = _packed(name, matrices, outputs[0], weights)
    macs = work(
        name, [Tensor(each, 0) for each in [*matrices[:1], *packed, *matrices[1:]]], [Tensor(outputs[0], 0)]
    ).macs
    item = 1 if name in INTEGER else int(args["activation_size"]) // max(math.prod(matrices[0]), 1)
    return Work(macs, moved + sum(math.prod(each) for each in packed) * item)


def _packed(
    name: str, matrices: list[tuple[int, ...]], output: tuple[int, ...], weights: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """The weights that the profile does not tell; none where it tells them."""
    if len(matrices) > 1:
        return []
    if "Conv" in name:
        return [weights] if weights else []
    return [(matrices[0][-1], output[-1])] if name in BY_A_MATRIX else []


def _shapes(args: Mapping[str, Any], side: str) -> list[tuple[int, ...]]:
    return [tuple(int(length) for length in shape) for typed in args.get(side, []) for shape in typed.values()]
