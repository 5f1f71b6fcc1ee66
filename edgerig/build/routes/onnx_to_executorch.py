"""ONNX → ExecuTorch's torch module: the graph rebuilt operator by operator (see `onnx_to_torch`)."""

from __future__ import annotations

from torch import nn

from edgerig.build.routes.onnx_to_torch import rebuild
from edgerig.build.source import SourceModel


def convert(model: SourceModel) -> nn.Module:
    """See `onnx_to_torch.rebuild`."""
    return rebuild(model)
