"""Between real numbers and the numbers a file's tensors hold; what an engine accepts as inputs.

Affine quantization as in the LiteRT 8-bit specification (https://ai.google.dev/edge/litert/models/quantization_spec):
real = (stored - zero_point) * scale. The specification leaves the rounding of ties open; half to even is taken, as
`numpy.rint` and XNNPACK's conversion kernels do. The zero point is added after rounding, as in LiteRT's QUANTIZE.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgerig.ondevice.engines import Array, TensorInfo


def quantize(real: npt.NDArray[np.float32], tensor: TensorInfo) -> Array:
    """`real` (any shape) in the tensor's dtype: affine and clipped to its range where quantized, else cast.

    Raises ValueError when a NaN meets a quantized tensor, or when an integer or bool tensor without a scale is given
    values it cannot hold exactly.
    """
    dtype = np.dtype(tensor.dtype)
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


def dequantize(stored: Array, tensor: TensorInfo) -> npt.NDArray[np.float32]:
    """The real values of `stored` as float32; a plain cast where the tensor is not quantized."""
    if tensor.scale == 0.0:
        return stored.astype(np.float32)
    return ((stored.astype(np.float64) - tensor.zero_point) * tensor.scale).astype(np.float32)


def check_inputs(inputs: Sequence[Array], tensors: Sequence[TensorInfo]) -> None:
    """Raises ValueError unless `inputs` are one array a tensor of its exact dtype and shape (an axis of -1 is free)."""
    if len(inputs) != len(tensors):
        raise ValueError(f"{len(inputs)} inputs given, the file takes {len(tensors)}")
    for array, tensor in zip(inputs, tensors, strict=True):
        if array.dtype != np.dtype(tensor.dtype):
            raise ValueError(f'input "{tensor.name}": dtype {array.dtype.name} given, the file takes {tensor.dtype}')
        same_rank = array.ndim == len(tensor.shape)
        if not same_rank or any(want not in (-1, got) for got, want in zip(array.shape, tensor.shape, strict=True)):
            raise ValueError(f'input "{tensor.name}": shape {array.shape} given, the file takes {tensor.shape}')


def _exactly(real: npt.NDArray[np.float32], name: str, dtype: np.dtype[np.generic]) -> Array:
    """`real` cast to an integer or bool dtype, which must not change a value."""
    with np.errstate(invalid="ignore"):  # a value out of range is found by the comparison below
        cast: Array = real.astype(dtype)
    if not np.array_equal(cast.astype(np.float64), real.astype(np.float64)):
        raise ValueError(f'tensor "{name}": dtype {dtype.name} and no scale, but a value that is none of {dtype.name}')
    return cast
