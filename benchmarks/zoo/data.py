"""Made inputs for models of the zoo whose inputs depend on each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLES = 8
RATE = 16000


def silero() -> dict[str, npt.NDArray[np.generic]]:
    """Frames of noise of growing loudness (N, 576) and the sampling rate (N,)."""
    rng = np.random.default_rng(0)

    def frames() -> npt.NDArray[np.float32]:
        loud = np.linspace(0.01, 0.5, SAMPLES)[:, None]
        return (rng.standard_normal((SAMPLES, 576)) * loud).astype(np.float32)

    rate = np.full(SAMPLES, RATE, np.int64)
    return {
        "inputs_input": frames(),
        "inputs_sr": rate,
        "calibration_input": frames(),
        "calibration_sr": rate,
    }
