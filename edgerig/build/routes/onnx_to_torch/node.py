"""An operator of an ONNX graph, as those that rebuild it read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from edgerig.errors import UnsupportedRecipe

Tensor = torch.Tensor
Operation = Callable[..., Any]
"""Takes the operator's inputs in order (None where one is left out), gives its output or a tuple of them."""


@dataclass(frozen=True)
class Node:
    """`constants` holds, by position, the inputs that are known when the graph is rebuilt; `ranks` the others' number
    of axes where shape inference knows it."""

    kind: str
    name: str
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: dict[int, npt.NDArray[Any]]

    def get(self, attribute: str, default: Any) -> Any:
        return self.attributes.get(attribute, default)

    def has(self, position: int) -> bool:
        return position < len(self.inputs) and bool(self.inputs[position])

    def known(self, position: int) -> npt.NDArray[Any]:
        """An input that must be known beforehand, such as a shape. Raises UnsupportedRecipe when it is computed."""
        if position not in self.constants:
            raise self.refused(f'its input "{self.inputs[position]}" is computed, and must be known beforehand')
        return self.constants[position]

    def numbers(self, position: int, attribute: str) -> list[int] | None:
        """Whole numbers that older operator sets give as an attribute, newer ones as an input; None without either."""
        if self.has(position):
            return [int(value) for value in np.atleast_1d(self.known(position))]
        given = self.attributes.get(attribute)
        return None if given is None else [int(value) for value in given]

    def refused(self, why: str) -> UnsupportedRecipe:
        return UnsupportedRecipe(
            f'ONNX operator {self.kind} "{self.name}" cannot be rebuilt in torch: {why}',
            hint="bring the torch model the file was made of",
        )


def pairs(values: Sequence[int]) -> list[int]:
    """ONNX's begins and ends, one axis after another, as torch's pad takes them: the last axis first."""
    half = len(values) // 2
    return [value for axis in reversed(range(half)) for value in (int(values[axis]), int(values[axis + half]))]


def edged(x: Any, pads: Sequence[int], value: float = 0.0) -> Any:
    """`x` with `pads` (`pairs`) of `value` at its edges, and cut where they are negative: torch's pad does both, but
    ExecuTorch has no kernel that cuts."""
    for index in range(len(pads) // 2):
        before, after = max(-pads[2 * index], 0), max(-pads[2 * index + 1], 0)
        axis = x.ndim - 1 - index
        if before or after:
            x = x.narrow(axis, before, x.shape[axis] - before - after)
    grown = [max(pad, 0) for pad in pads]
    return x if min(pads) < 0 and not any(grown) else functional.pad(x, grown, value=value)
