"""Labels as they are kept beside a run: one file per set, and where samples differ in length one more with how long
each is.

A model has one set, `labels.npy`, or one per output that has labels of its own, `labels_0.npy`, … in the order of
`dataset.labels`. `labels_lengths.npy`, `labels_0_lengths.npy`, … go with those whose samples differ in length; texts
are kept as their UTF-8 bytes (`ragged.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.confined import Confined
from edgerig.measure.metrics import Given
from edgerig.measure.ragged import Ragged, decoded
from edgerig.npy import map_untrusted
from edgerig.spec import Asked, DatasetSpec, Labels

ONLY = ""
"""The name of a model's only set."""


def stems(sets: Mapping[str, Labels]) -> dict[str, str]:
    """Set → its files' stem."""
    if set(sets) == {ONLY}:
        return {ONLY: "labels"}
    return {name: f"labels_{place}" for place, name in enumerate(sets)}


def read_labels(folder: Confined, dataset: DatasetSpec | None) -> dict[str, Given]:
    """Those that are there, by set. Raises OSError, ValueError for what is none."""
    found: dict[str, Given] = {}
    sets: Mapping[str, Labels] = {ONLY: "any"} if dataset is None else dataset.sets
    for name, stem in stems(sets).items():
        file = folder / f"{stem}.npy"
        if not file.is_there():
            continue
        values, lengths = map_untrusted(file), folder / f"{stem}_lengths.npy"
        if not lengths.is_there():
            found[name] = values
            continue
        several = Ragged(values, map_untrusted(lengths))
        found[name] = decoded(several) if sets[name] == "text" else several
    return found


def set_of(metric: Asked, dataset: DatasetSpec | None) -> str:
    """The set a metric is taken against: the only one, or that of an output it names; "" where none is."""
    if dataset is None or set(dataset.sets) == {ONLY}:
        return ONLY
    return next((name for name in (metric.output, *metric.outputs) if name in dataset.sets), None) or ONLY


def classes_of(labels: Mapping[str, Given], name: str = ONLY) -> npt.NDArray[Any] | None:
    """A set's labels where they are one class per sample, (N,) integers; else None."""
    found = labels.get(name)
    plain = isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind in "iu"
    return found if plain and isinstance(found, np.ndarray) else None
