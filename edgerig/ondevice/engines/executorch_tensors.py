"""What the ways into ExecuTorch share: its tensors' dtypes, and why an entry or a shape is none of a program's."""

from __future__ import annotations

from edgerig.ondevice.engines import TensorInfo, UnsupportedTensor

NO_METHOD = "it has no method"
"""How the runner's text begins then."""
DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
}
"""ScalarType (executorch/runtime/core/portable_type/scalar_type.h) to numpy dtype."""


def dtype_of(scalar_type: int, name: str) -> str:
    if scalar_type not in DTYPES:
        raise UnsupportedTensor(f'tensor "{name}": ExecuTorch scalar type {scalar_type} is not supported')
    return DTYPES[scalar_type]


def refused(tensor: TensorInfo, shape: tuple[int, ...], why: str) -> str:
    return f"{tensor.name} was exported for {list(tensor.shape)}, at most, not for {list(shape)}: {why}"
