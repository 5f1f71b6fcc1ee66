"""Opening and writing a dataset as the build does, for the tests of every kind."""

from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.dataset import Dataset, Fits, Tensor
from edgerig.build.datasets.write import Written, write_dataset
from edgerig.npy import load_arrays
from edgerig.spec import DatasetSpec, Labels, Layout, parse


def fits(
    shape: tuple[int, ...],
    *,
    classes: int | None = None,
    labels: Labels = "class",
    output: tuple[int, ...] | None = None,
    layout: Layout = "any",
) -> Fits:
    return Fits((Tensor("x", shape, layout),), output or (1, classes or 1), labels, classes)


class Laid:
    """A dataset as it lies in the store."""

    def __init__(self, folder: Path, written: Written, dataset: Dataset) -> None:
        self.written, self.dataset = written, dataset
        self.inputs, self.calibration = load_arrays(folder, "input"), load_arrays(folder, "calibration")
        path = folder / "labels.npy"
        self.labels = np.load(path) if path.is_file() else None


def lay(table: dict[str, Any], folder: Path, wanted: Fits) -> Laid:
    """`table` (a [dataset] of a model in `folder`) read, checked and written."""
    spec = parse(DatasetSpec, table, "model.toml")
    into = folder / ".laid"
    into.mkdir(exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    dataset = open_dataset(spec, folder, wanted)
    return Laid(into, write_dataset(dataset, wanted, into, spec.max_gib), dataset)
