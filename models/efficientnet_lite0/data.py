"""Crops of the two photographs that scikit-learn ships: what a trained network can be compared on without ImageNet.

They have no labels. Calibration's crops are others than evaluation's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_sample_images

SIDE = 224
SMALLEST = 120
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, which the network was trained with."""
EVALUATED = CALIBRATING = 64


def crops(count: int, seed: int) -> npt.NDArray[np.float32]:
    """`count` square crops, some mirrored, as (count, 3, 224, 224) normalized pixels."""
    photographs = load_sample_images().images
    rng = np.random.default_rng(seed)
    found = np.empty((count, 3, SIDE, SIDE), np.float32)
    for index in range(count):
        photograph = Image.fromarray(photographs[index % len(photographs)])
        width, height = photograph.size
        side = int(rng.integers(SMALLEST, height))
        left, top = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        crop = photograph.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = np.asarray(crop, np.float32) / 255
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        found[index] = ((pixels - MEAN) / STD).transpose(2, 0, 1)
    return found


def load() -> dict[str, npt.NDArray[np.float32]]:
    return {"inputs": crops(EVALUATED, 1), "calibration": crops(CALIBRATING, 2)}
