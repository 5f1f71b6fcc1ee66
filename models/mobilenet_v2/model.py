"""MobileNetV2 (arXiv:1801.04381) at 224x224, width 1.0, 1000 classes: 3,504,872 parameters, weights random.

It is here for its size and speed, so nothing is downloaded: the weights are drawn from a fixed seed. A network that is
merely initialised would not do. With batch norm's default statistics its activations fade away layer by layer until
every logit is alike, and comparing logits would find a quantized build right whatever it computed. So `create` sets
the statistics from one batch of noise, which gives each layer activations of the size a trained network has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SEED = 0
SIDE = 224
CLASSES = 1000
STEM = 32
LAST = 1280
CALIBRATION_IMAGES = 8
STAGES = (
    # expansion, channels, blocks, stride of the first block: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Same-padded convolution and batch norm."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class InvertedResidual(nn.Module):
    """Expand with a 1x1 convolution, filter each channel, project back; added to its input where the shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [*convolution(inputs, hidden, 1), nn.ReLU6()] if expansion != 1 else []
        self.layers = nn.Sequential(
            *expand,
            *convolution(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.ReLU6(),
            *convolution(hidden, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(features)
        return features + out if self.residual else out


class MobileNetV2(nn.Module):
    """Images (N, 3, 224, 224) float32, about zero mean and unit variance, to logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        layers = [*convolution(3, STEM, 3, stride=2), nn.ReLU6()]
        channels = STEM
        for expansion, outputs, blocks, first_stride in STAGES:
            for block in range(blocks):
                layers.append(InvertedResidual(channels, outputs, first_stride if block == 0 else 1, expansion))
                channels = outputs
        layers += [*convolution(channels, LAST, 1), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(LAST, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.features(images)).flatten(1))
        return logits


def create() -> nn.Module:
    """The network with its seeded weights and statistics, the same in every process on one machine; a few seconds."""
    with _one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        model = MobileNetV2()
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        _set_statistics(model, torch.randn(CALIBRATION_IMAGES, 3, SIDE, SIDE))
    return model


def _set_statistics(model: nn.Module, images: torch.Tensor) -> None:
    """Makes the running mean and variance of every batch norm those of the activations that `images` cause."""
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the running statistics become the batch's own
    model.train()
    model(images)
    model.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch on one thread inside the block: how a sum is split over threads decides its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
