"""Trains a digits network from nothing and writes its `weights.safetensors`: `python train.py [MODEL_FOLDER]`.

Every model on the digits data is trained by this one recipe, on the training split alone; the test split is looked at
once, after the last epoch. The same seed on the same machine and torch version gives the same weights, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path

import torch
from data import split
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from edgerig.build.factory import call_factory

HERE = Path(__file__).resolve().parent
EPOCHS = 150
BATCH = 64
PEAK_LEARNING_RATE = 3e-3
WARMUP_SHARE = 0.1
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.1
MAX_SHIFT = 1
"""Pixels an image is moved by, at most, in each direction while training."""


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """`images` (N, 1, 8, 8), each moved by its own random offset, the uncovered border black."""
    count, _, height, width = images.shape
    padded = functional.pad(images, [MAX_SHIFT] * 4)
    offsets = torch.randint(0, 2 * MAX_SHIFT + 1, (2, count), generator=generator)
    rows = offsets[0][:, None, None] + torch.arange(height)[None, :, None]
    columns = offsets[1][:, None, None] + torch.arange(width)[None, None, :]
    return padded[torch.arange(count)[:, None, None], 0, rows, columns][:, None]


def learning_rate(step: int, steps: int) -> float:
    """Share of the peak: a linear warm-up, then a half cosine down to zero."""
    warmup = max(1, round(steps * WARMUP_SHARE))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def trained(folder: Path, epochs: int, seed: int) -> nn.Module:
    """The network that `folder`'s `model.py:create` makes, after `epochs` passes over the training split."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the order of a sum, and so its last bits, depends on the number of threads
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model: nn.Module = call_factory(folder, "model.py:create")
    train_images, train_labels, _, _ = split()
    images, labels = torch.from_numpy(train_images), torch.from_numpy(train_labels)

    steps = epochs * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, steps))
    model.train()
    for _ in range(epochs):
        # The last, incomplete batch is left out: batch norm is better off with full ones.
        for chosen in torch.randperm(len(images), generator=generator).split(BATCH)[: len(images) // BATCH]:
            logits = model(shifted(images[chosen], generator))
            loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def test_accuracy(model: nn.Module) -> float:
    """Top-1 accuracy of `model` on the test split."""
    _, _, images, labels = split()
    with torch.inference_mode():
        predicted = model(torch.from_numpy(images)).argmax(1)
    return float((predicted == torch.from_numpy(labels)).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a digits network and write its weights.")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="the model's folder (default: digits_cnn)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the file to write (default: weights.safetensors in the folder)")
    arguments = parser.parse_args()

    model = trained(arguments.folder, arguments.epochs, arguments.seed)
    out = arguments.out or arguments.folder / "weights.safetensors"
    content = save(model.state_dict())
    out.write_bytes(content)
    print(f"{out}: {sum(p.numel() for p in model.parameters())} parameters, {len(content)} bytes")
    print(f"test top1 = {test_accuracy(model):.4f}")
    print(f'weights_sha256 = "{hashlib.sha256(content).hexdigest()}"')


if __name__ == "__main__":
    main()
