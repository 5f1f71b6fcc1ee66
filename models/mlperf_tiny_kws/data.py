"""The official evaluation set of 1,000 utterances: 900 to evaluate on, 100 to calibrate with.

The official calibration samples come from the validation split of Speech Commands, which is not part of the benchmark's
repository. No sample may serve both ends, so every tenth utterance calibrates (its label is not read) and is left out
of the evaluation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

EVERY = 10


def load(fetched: Path) -> dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int64]]:
    """`inputs` (900, 49, 10, 1) and `labels` (900,) to evaluate on, `calibration` (100, 49, 10, 1)."""
    with np.load(fetched / "kws01.npz", allow_pickle=False) as archive:
        inputs, labels = archive["inputs"], archive["labels"]
    calibrates = np.arange(len(inputs)) % EVERY == 0
    return {"inputs": inputs[~calibrates], "labels": labels[~calibrates], "calibration": inputs[calibrates]}
