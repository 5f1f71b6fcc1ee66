"""Keras → ExecuTorch's torch module: the graph rebuilt layer by layer (see `keras_to_torch`)."""

from __future__ import annotations

from torch import nn

from edgerig.build.routes.keras_to_torch import rebuild
from edgerig.build.source import SourceModel


def convert(model: SourceModel) -> nn.Module:
    """See `keras_to_torch.rebuild`."""
    return rebuild(model)
