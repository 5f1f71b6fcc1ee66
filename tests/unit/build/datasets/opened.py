"""Opening and writing a dataset as the build does, for the tests of every kind."""

import numpy as np

from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.build.datasets.write import write_dataset
from edgerig.npy import load_arrays
from edgerig.spec import DatasetSpec, parse


def fits(shape, *, classes=None, labels="class", output=None, layout="any"):
    return Fits((Tensor("x", shape, layout),), output or (1, classes or 1), labels, classes)


class Laid:
    """A dataset as it lies in the store."""

    def __init__(self, folder, written, dataset):
        self.written, self.dataset = written, dataset
        self.inputs, self.calibration = load_arrays(folder, "input"), load_arrays(folder, "calibration")
        path = folder / "labels.npy"
        self.labels = np.load(path) if path.is_file() else None


def lay(table, folder, wanted):
    """`table` (a [dataset] of a model in `folder`) read, checked and written."""
    spec = parse(DatasetSpec, table, "model.toml")
    into = folder / ".laid"
    into.mkdir(exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    dataset = open_dataset(spec, folder, wanted)
    return Laid(into, write_dataset(dataset, wanted, into, spec.max_gib), dataset)
