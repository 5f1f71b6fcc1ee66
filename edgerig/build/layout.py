"""Axis order: the same samples for every format, laid out as each built file wants them."""

from __future__ import annotations

import numpy as np

from edgerig.build.source import Arrays
from edgerig.spec import Layout, TensorSpec

_PERMUTATIONS = {("NCHW", "NHWC"): (0, 2, 3, 1), ("NHWC", "NCHW"): (0, 3, 1, 2)}


def order_in(layout: Layout, wanted: Layout) -> tuple[int, ...]:
    """How to transpose a 4-D array laid out as `layout` to `wanted`; () for not at all."""
    return _PERMUTATIONS.get((layout, wanted), ())


def axes_in(shape: tuple[int, ...], layout: Layout, wanted: Layout) -> tuple[int, ...]:
    """The 4-D `shape`, laid out as `layout`, as it is in `wanted`."""
    order = _PERMUTATIONS.get((layout, wanted))
    return shape if order is None else tuple(shape[axis] for axis in order)


def to_layout(arrays: Arrays, tensors: tuple[TensorSpec, ...], layout: str) -> Arrays:
    """As `in_layout`, in memory and C-contiguous."""
    return [np.ascontiguousarray(array) for array in in_layout(arrays, tensors, layout)]


def in_layout(arrays: Arrays, tensors: tuple[TensorSpec, ...], layout: str) -> Arrays:
    """`arrays`, one (N, …) array for each of the source's `tensors`, with 4-D ones in `layout` ("any": unchanged).

    They are views: nothing is copied, memory-mapped arrays stay so.
    """
    if layout == "any":
        return arrays
    return [
        array.transpose(_PERMUTATIONS[tensor.layout, layout]) if (tensor.layout, layout) in _PERMUTATIONS else array
        for array, tensor in zip(arrays, tensors, strict=True)
    ]
