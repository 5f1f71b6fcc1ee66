"""A portrait at several distances: on noise the network sees no face, and its activations are others.

The photograph is NASA's of Eileen Collins, a file of the package scikit-image. There are no labels. Calibration's crops
are others than evaluation's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

SIDE = 128
FACE = (226, 118)
"""Its centre in the photograph."""
SMALLEST, LARGEST = 180, 420
"""Sides of a crop, in the photograph's pixels: the face is 110 wide."""
EVALUATED = CALIBRATING = 32


def crops(photograph: Image.Image, count: int, seed: int) -> npt.NDArray[np.float32]:
    """`count` square crops with the face in them, some mirrored, as (count, 128, 128, 3) within -1 to 1."""
    rng = np.random.default_rng(seed)
    found = np.empty((count, SIDE, SIDE, 3), np.float32)
    for index in range(count):
        side = int(rng.integers(SMALLEST, LARGEST))
        left, top = (int(centre - side / 2 + side * rng.uniform(-0.2, 0.2)) for centre in FACE)
        crop = photograph.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = np.asarray(ImageEnhance.Brightness(crop).enhance(rng.uniform(0.6, 1.2)), np.float32)
        found[index] = (pixels[:, ::-1] if rng.random() < 0.5 else pixels) / 127.5 - 1
    return found


def load(fetched: Path) -> dict[str, npt.NDArray[np.float32]]:
    photograph = Image.open(fetched / "astronaut.png").convert("RGB")
    return {"inputs": crops(photograph, EVALUATED, 1), "calibration": crops(photograph, CALIBRATING, 2)}
