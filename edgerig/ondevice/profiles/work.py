"""What an operator has to do, told from its tensors alone: its multiply-accumulates and the bytes of its tensors.

The words are TFLite's and ONNX's. Both keep a convolution's weights with the outputs along the first axis, a depthwise
one's along the last in TFLite. Bytes are those of every input and output once: what is at least moved.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

CACHES = "/sys/devices/system/cpu/cpu0/cache"
SIZE = re.compile(r"(\d+)([KM]?)\s*")
FACTORS = {"": 1, "K": 2**10, "M": 2**20}


class Tensor(NamedTuple):
    shape: tuple[int, ...]
    item_bytes: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.item_bytes


class Work(NamedTuple):
    """`macs` is None for what is not counted: whatever is neither a convolution nor a matrix product; `moved` in bytes,
    None where the tensors are not told."""

    macs: int | None = None
    moved: int | None = None


UNKNOWN = Work()


def work(name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Work:
    """Of an operator `name`; inputs that are left out are not among them. A shape that is not known is none."""
    if not outputs or any(length < 0 for tensor in (*inputs, *outputs) for length in tensor.shape):
        return UNKNOWN
    moved = sum(tensor.bytes for tensor in (*inputs, *outputs))
    return Work(_macs(name.lower(), [each.shape for each in inputs], outputs[0].shape), moved)


def _macs(name: str, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int | None:
    size = math.prod(output)
    if "depthwise" in name and "conv_2d" in name:
        return size * math.prod(inputs[1][1:3]) if len(inputs) > 1 else None
    if "transpose" in name:
        return None  # TFLite's first input is a shape, and none of the two formats' weights lies as the other's
    if "conv" in name and "convert" not in name:
        weights = next((shape for shape in inputs[1:] if len(shape) == len(inputs[0]) > 2), None)
        return None if weights is None else size * math.prod(weights[1:])
    if any(word in name for word in ("fully_connected", "matmul", "gemm")):
        return _product(size, [shape for shape in inputs if len(shape) > 1])
    return None


def _product(size: int, factors: Sequence[tuple[int, ...]]) -> int | None:
    """Of the first two factors, by the axis they share: the last of the one, or the one before it where that one lies
    transposed."""
    if len(factors) < 2:
        return None
    one, other = factors[0], factors[1]
    inner = next((axis for axis in (one[-1], one[-2]) if axis in other[-2:]), None)
    return None if inner is None else size * inner


def largest_cache(folder: str = CACHES) -> int | None:
    """Bytes of the largest cache that the first processor has, or has a share in (kernel:
    Documentation/ABI/testing/sysfs-devices-system-cpu); None where the kernel does not tell."""
    found: list[int] = []
    try:
        for index in (name for name in os.listdir(folder) if name.startswith("index")):
            with open(os.path.join(folder, index, "size"), encoding="ascii") as file:
                told = SIZE.fullmatch(file.read(32))
            if told is not None:
                found.append(int(told[1]) * FACTORS[told[2]])
    except (OSError, ValueError):
        return max(found, default=None)
    return max(found, default=None)
