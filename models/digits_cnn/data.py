"""The digits data: scikit-learn's 1,797 images in one fixed split, 1,257 to train on and 540 to test on.

Stratified by digit with a fixed seed, so that every process that loads it sees the same images in the same order and
no test image is ever trained or calibrated on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 0
TEST_SHARE = 0.3
CALIBRATION_IMAGES = 128
MAX_PIXEL = 16.0
"""Pixels count the ink in a 4x4 block: 0 to 16."""
WEAK_LIGHT = 0.5
"""Of the ink that is seen, where a picture is faint."""

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def split() -> tuple[Images, Labels, Images, Labels]:
    """Training images and labels, then test images and labels; images (N, 1, 8, 8) float32 in 0…1, labels (N,)."""
    digits = load_digits()
    images = (digits.images / MAX_PIXEL).astype(np.float32)[:, np.newaxis]
    labels = digits.target.astype(np.int64)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=TEST_SHARE, stratify=labels, random_state=SEED
    )
    return train_images, train_labels, test_images, test_labels


def load() -> dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int64]]:
    """The test split as `inputs` (540, 1, 8, 8) and `labels` (540,); of the training images 128 as `calibration` and
    the other 1,129 as `validation` with `validation_labels`: what variants are chosen on."""
    train_images, train_labels, test_images, test_labels = split()
    # The split shuffles, so the first images are a random sample of the training images.
    return {
        "inputs": test_images,
        "labels": test_labels,
        "calibration": train_images[:CALIBRATION_IMAGES],
        "validation": train_images[CALIBRATION_IMAGES:],
        "validation_labels": train_labels[CALIBRATION_IMAGES:],
    }


def load_calibrated_faintly() -> dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int64]]:
    """As `load`, with calibration images of half the ink of those that are evaluated (model `digits_narrow`)."""
    data = load()
    return data | {"calibration": data["calibration"] * np.float32(WEAK_LIGHT)}
