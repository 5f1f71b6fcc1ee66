"""EfficientNet-Lite0: EfficientNet-B0 for mobile kernels: ReLU6 in place of SiLU, no squeeze-and-excitation.

Architecture: Tan & Le 2019 (arXiv:1905.11946), table 1; the lite changes: tensorflow/tpu,
models/official/efficientnet/lite. Layers bear the names of the published PyTorch state dict. Convolutions pad as
TensorFlow's "same" does, the odd pixel at the right and the bottom, as the weights were trained.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

IMAGE_SIZE = 224
CLASSES = 1000
STEM, HEAD = 32, 1280
EPSILON = 1e-3
STAGES = (
    # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """A convolution without bias whose output is ceil(size / stride), for inputs of `size` pixels a side."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, size: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        self.pad = (total // 2, total - total // 2) * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if any(self.pad):
            x = functional.pad(x, self.pad)
        return super().forward(x)


class Block(nn.Module):
    """Inverted bottleneck (MobileNetV2): expand, filter each channel, project; added to the input where shapes fit."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, size: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands = expansion != 1
        self.adds = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = SameConv(inputs, wide, 1, 1, size)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, size, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._project_conv = SameConv(wide, outputs, 1, 1, math.ceil(size / stride))
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.clip = nn.ReLU6()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.clip(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self.clip(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """(1, 3, 224, 224) normalized pixels → (1, 1000) logits."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM, 3, 2, IMAGE_SIZE)
        self._bn0 = nn.BatchNorm2d(STEM, eps=EPSILON)
        self._blocks = nn.ModuleList()
        channels, size = STEM, IMAGE_SIZE // 2
        for repeats, kernel, first_stride, expansion, outputs in STAGES:
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                self._blocks.append(Block(channels, outputs, kernel, stride, expansion, size))
                channels, size = outputs, math.ceil(size / stride)
        self._conv_head = SameConv(channels, HEAD, 1, 1, size)
        self._bn1 = nn.BatchNorm2d(HEAD, eps=EPSILON)
        self._fc = nn.Linear(HEAD, CLASSES)
        self.clip = nn.ReLU6()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.clip(self._bn0(self._conv_stem(image)))
        for block in self._blocks:
            x = block(x)
        x = self.clip(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


def create() -> nn.Module:
    """The network without its weights."""
    return EfficientNetLite0()
