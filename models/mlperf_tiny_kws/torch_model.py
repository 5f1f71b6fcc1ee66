"""DS-CNN for keyword spotting in PyTorch: the Keras network's twin, layer for layer, with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from checkpoint import Convolution, Weights, read
from torch import nn

FILTERS = 64
BLOCKS = 4
CLASSES = 12
EPSILON = 1e-3
"""Keras' batch norm; PyTorch's own default is 1e-5."""


def convolution(inputs: int, kernel: tuple[int, int], stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Same padding as TensorFlow has it (an odd row or column goes to the end), convolution, batch norm, ReLU."""
    first = nn.Conv2d(inputs, FILTERS, kernel, stride=stride, groups=groups)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(FILTERS, eps=EPSILON), nn.ReLU()]
    if stride == 1:
        first.padding = (kernel[0] // 2, kernel[1] // 2)
        return nn.Sequential(*layers)
    # 49x10 to 25x5: 24 * 2 + 10 - 49 = 9 rows and 4 * 2 + 4 - 10 = 2 columns of zeros.
    return nn.Sequential(nn.ZeroPad2d((1, 1, 4, 5)), *layers)


class DsCnn(nn.Module):
    """MFCC features (N, 1, 49, 10) float32 to logits (N, 12)."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [convolution(1, (10, 4), stride=2)]
        for _ in range(BLOCKS):
            blocks += [convolution(FILTERS, (3, 3), groups=FILTERS), convolution(FILTERS, (1, 1))]
        self.features = nn.Sequential(*blocks)
        self.pool = nn.AvgPool2d((25, 5))
        self.head = nn.Linear(FILTERS, CLASSES)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.features(features)).flatten(1))
        return logits


def create(fetched: Path) -> nn.Module:
    """The network with the official trained weights, from the checkpoint in `fetched`."""
    model = DsCnn()
    weights: Weights = read(fetched)
    for block, trained in zip(model.features, weights.convolutions, strict=True):
        _load(block, trained)
    model.head.load_state_dict({"weight": _tensor(weights.dense.T), "bias": _tensor(weights.dense_bias)})
    return model


def _load(block: nn.Sequential, trained: Convolution) -> None:
    depthwise = trained.kernel.shape[-1] == 1
    # (height, width, inputs, outputs) to (outputs, inputs, height, width), and a depthwise (h, w, channels, 1) to
    # (channels, 1, h, w).
    kernel = trained.kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    conv, norm = block[-3], block[-2]
    conv.load_state_dict({"weight": _tensor(kernel), "bias": _tensor(trained.bias)})
    norm.load_state_dict(
        {
            "weight": _tensor(trained.gamma),
            "bias": _tensor(trained.beta),
            "running_mean": _tensor(trained.mean),
            "running_var": _tensor(trained.variance),
            "num_batches_tracked": torch.tensor(0),
        }
    )


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
