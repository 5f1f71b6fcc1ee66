"""Multi-head attention over one sequence axis."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from edgerig.build.routes.keras_to_torch.assembly import Assembly, Value, constant, unsupported
from edgerig.build.routes.keras_to_torch.convolution import linear


class Attention(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """softmax(query · key / √d) · value for each head, (1, N, C) each (arXiv:1706.03762)."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.heads, self.scale = int(layer.num_heads), 1 / math.sqrt(layer.key_dim)
        self.query, self.key, self.value = (_into_heads(d) for d in _projections(layer))
        output = layer.output_dense
        kernel = constant(output.kernel)
        self.output = linear(kernel.reshape(-1, kernel.shape[-1]).T, _bias(output))

    def forward(self, query: torch.Tensor, value: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        queries, keys = self._split(self.query(query)), self._split(self.key(key))
        values = self._split(self.value(value))
        weights = functional.softmax(queries @ keys.transpose(-2, -1) * self.scale, dim=-1)
        mixed = (weights @ values).transpose(1, 2).flatten(2)
        result: torch.Tensor = self.output(mixed)
        return result

    def _split(self, tensor: torch.Tensor) -> torch.Tensor:
        """(1, N, heads * d) to (1, heads, N, d)."""
        return tensor.reshape(1, tensor.shape[1], self.heads, -1).transpose(1, 2)


def attention(
    assembly: Assembly, layer: Any, query: Value, value: Value, key: Value | None = None, **options: Any
) -> Value:
    """MultiHeadAttention without masks."""
    asked = sorted(name for name, option in options.items() if option not in (None, False))
    if asked:
        raise unsupported(layer, f"its call's {', '.join(asked)} is not rebuilt")
    inputs = [assembly.last(each) for each in (query, value, value if key is None else key)]
    if any(len(each.shape) != 3 for each in inputs):
        raise unsupported(layer, "attention over more than one axis is not rebuilt")
    return assembly.module(layer, lambda: Attention(layer), *inputs)


def _projections(layer: Any) -> tuple[Any, Any, Any]:
    return layer.query_dense, layer.key_dense, layer.value_dense


def _into_heads(dense: Any) -> nn.Module:
    """A kernel (C, heads, d) as one linear layer of heads * d outputs."""
    kernel = constant(dense.kernel)
    return linear(kernel.reshape(kernel.shape[0], -1).T, _bias(dense))


def _bias(dense: Any) -> torch.Tensor | None:
    return None if dense.bias is None else constant(dense.bias).reshape(-1)
