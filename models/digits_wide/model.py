"""The digits CNN, batch norms folded, with two linear layers in place of one between which values are wide: 41,514
parameters.

The other layers are those of `digits_cnn`; what is wide is in the weights (see `widen.py`).
"""

from __future__ import annotations

import torch
from torch import nn


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Same-padded convolution and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups),
        nn.ReLU(),
    )


class DigitsWide(nn.Module):
    """Images (N, 1, 8, 8) float32 in 0…1 to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(
            convolution(1, 32, 3),
            convolution(32, 32, 3, groups=32),
            convolution(32, 64, 1),
            convolution(64, 64, 3, groups=64),
        )
        self.lift = nn.Conv2d(64, 128, 1)
        """Each channel twice, far above 0 and far below it."""
        self.mean = nn.Conv2d(128, 64, 1)
        """Reads both as their mean."""
        self.behind = nn.Sequential(
            nn.ReLU(),
            convolution(64, 64, 3, stride=2, groups=64),
            convolution(64, 96, 1),
            convolution(96, 96, 3, groups=96),
            convolution(96, 128, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.behind(self.mean(self.lift(self.before(images))))
        logits: torch.Tensor = self.head(self.pool(features).flatten(1))
        return logits


def create() -> nn.Module:
    """The network with PyTorch's default initialisation; edgerig loads the weights into it."""
    return DigitsWide()
