"""The digits CNN with its batch norms folded into the convolutions: 29,098 parameters, no normalisation left to skew.

The layers are those of `digits_cnn`; what differs is in the weights (see `skew.py`).
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


class DigitsSkew(nn.Module):
    """Images (N, 1, 8, 8) float32 in 0…1 to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        layers = [convolution(1, 32, 3)]
        for inputs, outputs, stride in ((32, 64, 1), (64, 64, 1), (64, 96, 2), (96, 128, 1)):
            layers += [convolution(inputs, inputs, 3, stride, groups=inputs), convolution(inputs, outputs, 1)]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.features(images)).flatten(1))
        return logits


def create() -> nn.Module:
    """The network with PyTorch's default initialisation; edgerig loads the skewed weights into it."""
    return DigitsSkew()
