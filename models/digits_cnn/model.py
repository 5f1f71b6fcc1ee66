"""A depthwise-separable CNN for 8x8 digits: 29,738 parameters, after MobileNet v1 (arXiv:1704.04861)."""

from __future__ import annotations

import torch
from torch import nn


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Same-padded convolution, batch norm, ReLU; the norm folds into the convolution when a format is built."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution a channel, then a 1x1 convolution across channels."""
    return nn.Sequential(
        convolution(inputs, inputs, 3, stride=stride, groups=inputs),
        convolution(inputs, outputs, 1),
    )


class DigitsCnn(nn.Module):
    """Images (N, 1, 8, 8) float32 in 0…1 to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 32, 3),
            separable(32, 64),
            separable(64, 64),
            separable(64, 96, stride=2),
            separable(96, 128),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        # 128 inputs: int4 recipes quantize Linear weights in groups of 32.
        self.head = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.features(images)).flatten(1))
        return logits


def create() -> nn.Module:
    """The network with PyTorch's default initialisation; edgerig loads the trained weights into it."""
    return DigitsCnn()
