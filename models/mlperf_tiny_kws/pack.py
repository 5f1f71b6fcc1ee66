"""Makes kws01.npz from the official evaluation set, 1,000 files of 490 signed bytes and their y_labels.csv.

    python models/mlperf_tiny_kws/pack.py energyrunner/datasets/kws01 kws01.npz

The bytes are the int8 reference model's own quantized input, so that real = SCALE * (byte - ZERO_POINT) is exact.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

SCALE = np.float32(0.5847029089927673)
ZERO_POINT = 83
SHAPE = (49, 10, 1)


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    with (folder / "y_labels.csv").open(newline="") as file:
        rows = [(row[0].strip(), int(row[2])) for row in csv.reader(file) if row]
    samples = [np.fromfile(folder / name, np.int8).reshape(SHAPE) for name, _ in rows]
    inputs = SCALE * (np.stack(samples).astype(np.float32) - ZERO_POINT)
    labels = np.array([label for _, label in rows], np.int64)
    np.savez_compressed(
        out, inputs=inputs.astype(np.float32), labels=labels, names=np.array([name for name, _ in rows])
    )


if __name__ == "__main__":
    main()
