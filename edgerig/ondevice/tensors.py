"""Between real numbers and the numbers a file's tensors hold; what an engine accepts as inputs.

Affine quantization as in the LiteRT 8-bit specification (https://ai.google.dev/edge/litert/models/quantization_spec):
real = (stored - zero_point) * scale. The specification leaves the rounding of ties open; half to even is taken, as
`numpy.rint` and XNNPACK's conversion kernels do. The zero point is added after rounding, as in LiteRT's QUANTIZE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgerig.ondevice.engines import Array, TensorInfo


def of_sample(shape: tuple[int, ...]) -> tuple[int, ...]:
    """What one sample adds to an array (N, …): a file's shape without a first axis of length 1, the batch's, else the
    whole shape."""
    return shape[1:] if shape[:1] == (1,) else shape


def same_axes(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Are two shapes alike but for axes of length 1? Arrays of them then lie alike in memory."""
    return [length for length in one if length != 1] == [length for length in other if length != 1]


def outside_dtype(dtype: str, scale: float) -> np.dtype[Any]:
    """What a file's tensor is outside of it: real numbers as float32 (float64 stays), integers and bools as they are,
    for no integer of more than 24 bits survives float32."""
    found = np.dtype(dtype)
    return np.dtype(np.float32) if scale != 0.0 or found == np.float16 else found


def quantize(real: Array, tensor: TensorInfo) -> Array:
    """`real` (any shape) in the tensor's dtype: affine and clipped to its range where quantized, else cast.

    Raises ValueError when a NaN meets a quantized tensor, or when an integer or bool tensor without a scale is given
    values it cannot hold exactly.
    """
    dtype = np.dtype(tensor.dtype)
    if real.dtype == dtype and tensor.scale == 0.0:
        return real
    if np.issubdtype(dtype, np.floating):
        return real.astype(dtype)
    if tensor.scale == 0.0:
        return _exactly(real, tensor.name, dtype)
    if np.isnan(real).any():
        raise ValueError(f'tensor "{tensor.name}": NaN has no {dtype.name} value')
    bounds = np.iinfo(dtype)
    # In double, so that the quotient of a value on the grid rounds back to its own grid point.
    stored = np.rint(real.astype(np.float64) / tensor.scale) + tensor.zero_point
    clipped: Array = np.clip(stored, bounds.min, bounds.max).astype(dtype)
    return clipped


def dequantize(stored: Array, tensor: TensorInfo) -> Array:
    """The values of `stored` outside of the file (`outside_dtype`); real = (stored - zero_point) * scale where it is
    quantized."""
    if tensor.scale == 0.0:
        return stored.astype(outside_dtype(tensor.dtype, tensor.scale))
    return ((stored.astype(np.float64) - tensor.zero_point) * tensor.scale).astype(np.float32)


def check_inputs(inputs: Sequence[Array], tensors: Sequence[TensorInfo]) -> None:
    """Raises ValueError unless `inputs` are one array per tensor of its exact dtype and shape (an axis of -1: any)."""
    if len(inputs) != len(tensors):
        raise ValueError(f"{len(inputs)} inputs given, the file takes {len(tensors)}")
    for array, tensor in zip(inputs, tensors, strict=True):
        if array.dtype != np.dtype(tensor.dtype):
            raise ValueError(f'input "{tensor.name}": dtype {array.dtype.name} given, the file takes {tensor.dtype}')
        same_rank = array.ndim == len(tensor.shape)
        if not same_rank or any(want not in (-1, got) for got, want in zip(array.shape, tensor.shape, strict=True)):
            raise ValueError(f'input "{tensor.name}": shape {array.shape} given, the file takes {tensor.shape}')


def exactly(values: Array, dtype: np.dtype[Any]) -> Array | None:
    """`values` cast to `dtype`, None when that would change one of them. Between integers nothing passes through a
    float."""
    with np.errstate(invalid="ignore", over="ignore"):  # a value out of range is found by the comparisons below
        cast: Array = values.astype(dtype)
    if values.dtype.kind in "iu" and dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        fits = not values.size or (int(values.min()) >= bounds.min and int(values.max()) <= bounds.max)
        return cast if fits else None
    if dtype.kind == "f" and values.dtype.kind == "f":
        return cast  # rounding to a narrower float is what the dtype means
    with np.errstate(invalid="ignore", over="ignore"):
        back = cast.astype(values.dtype)
    return cast if np.array_equal(back, values) else None


def _exactly(real: Array, name: str, dtype: np.dtype[Any]) -> Array:
    """`real` cast to an integer or bool dtype, which must not change a value."""
    cast = exactly(real, dtype)
    if cast is None:
        raise ValueError(f'tensor "{name}": dtype {dtype.name} and no scale, but a value that is none of {dtype.name}')
    return cast
