"""torch → ExecuTorch: the network is what is exported."""

from __future__ import annotations

from torch import nn

from edgerig.build.source import SourceModel


def convert(model: SourceModel) -> nn.Module:
    return model.module
