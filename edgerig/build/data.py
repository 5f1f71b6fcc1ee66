"""A model's evaluation and calibration data, checked and laid out as .npy files in the store.

Files of an entry: `input_<i>.npy` float32 (N, …) and `calibration_<i>.npy` float32 (M, …) in the source model's own
layout, and `labels.npy` int64 (N,) where there are labels. Order is the data's own and fixed.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.build.factory import call_factory
from edgerig.build.source import Arrays
from edgerig.errors import DatasetError
from edgerig.spec import ModelSpec

RANDOM_SAMPLES = 8
"""Random inputs made for a model without data: enough for parity, few enough for a 300 MFLOP network."""


@dataclass(frozen=True)
class Data:
    """`labels` is None where there is no dataset; `origin` says in words where the data came from."""

    inputs: Arrays
    labels: npt.NDArray[np.int64] | None
    calibration: Arrays
    origin: str

    def fingerprint(self) -> str:
        """sha256 over the evaluation arrays' dtypes, shapes and bytes."""
        return fingerprint([*self.inputs, *([] if self.labels is None else [self.labels])])


def fingerprint(arrays: list[Any]) -> str:
    """sha256 over dtype, shape and bytes of each array in turn."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def read_data(spec: ModelSpec, shapes: list[tuple[int, ...]], classes: int | None, seed: int) -> Data:
    """The model's data, or seeded random inputs where it names none.

    `shapes` are the input tensors' shapes at batch 1 and `classes` the number of scores a label can index (None when
    the output is not a score a class). Raises DatasetError naming the file, the array and the fix.
    """
    if spec.dataset is None:
        return _random(shapes, seed)
    if spec.dataset.npz is not None:
        path = spec.folder / spec.dataset.npz
        origin, table = str(spec.dataset.npz.name), _read_npz(path)
        where = str(path)
    else:
        where = origin = f"{spec.dataset.factory}"
        table = call_factory(spec.folder, str(spec.dataset.factory))
        if not isinstance(table, Mapping):
            raise DatasetError(
                f"{where}: gave a {type(table).__name__}, not a mapping",
                hint='return {"inputs": …, "labels": …, "calibration": …}',
            )
    inputs = [_input(table, "inputs", shapes, where)]
    labels = _labels(table, len(inputs[0]), classes, where)
    calibration = [_input(table, "calibration", shapes, where)] if "calibration" in table else []
    return Data(inputs, labels, calibration, origin)


def write_data(data: Data, folder: Path) -> None:
    """Writes the entry's files into `folder`."""
    for index, array in enumerate(data.inputs):
        np.save(folder / f"input_{index}.npy", array)
    for index, array in enumerate(data.calibration):
        np.save(folder / f"calibration_{index}.npy", array)
    if data.labels is not None:
        np.save(folder / "labels.npy", data.labels)


def load_arrays(folder: Path, stem: str) -> Arrays:
    """`<stem>_0.npy`, `<stem>_1.npy`, … of a store entry, memory-mapped; [] when there are none."""
    arrays: Arrays = []
    while (path := folder / f"{stem}_{len(arrays)}.npy").is_file():
        arrays.append(np.load(path, mmap_mode="r", allow_pickle=False))
    return arrays


def _random(shapes: list[tuple[int, ...]], seed: int) -> Data:
    """Standard-normal inputs; calibration from a stream of its own, so that the two never share a sample."""

    def draw(stream: int) -> Arrays:
        rng = np.random.default_rng([seed, stream])
        return [rng.standard_normal((RANDOM_SAMPLES, *shape[1:]), dtype=np.float32) for shape in shapes]

    return Data(draw(0), None, draw(1), f"{RANDOM_SAMPLES} random inputs, seed {seed}")


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            table = {key: archive[key] for key in ("inputs", "labels", "calibration") if key in archive.files}
            found = list(archive.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise DatasetError(
            f"{path}: not a readable npz: {error}", hint="make it with numpy.savez(path, inputs=…, labels=…)"
        ) from error
    for key in ("inputs", "labels"):
        if key not in table:
            raise DatasetError(
                f'{path}: has no array "{key}" (it holds: {", ".join(found) or "nothing"})',
                hint="make it with numpy.savez(path, inputs=…, labels=…)",
            )
    return table


def _input(table: Mapping[str, Any], key: str, shapes: list[tuple[int, ...]], where: str) -> npt.NDArray[np.float32]:
    if len(shapes) != 1:
        raise DatasetError(
            f"{where}: the model has {len(shapes)} inputs, a dataset feeds one",
            hint="leave the dataset out: such a model is run on random inputs",
        )
    if key not in table:
        raise DatasetError(f'{where}: has no array "{key}"', hint='give "inputs" and "labels"')
    array = np.asarray(table[key])
    if array.dtype.kind not in "fiu":
        raise DatasetError(
            f'{where}: array "{key}" has dtype {array.dtype}, numbers are needed', hint="store it as float32"
        )
    wanted = shapes[0][1:]
    if array.shape[1:] != wanted:
        hint = f"the model's input is (1, {', '.join(map(str, wanted))}): reshape the data to (N, …) of it"
        if sorted(array.shape[1:]) == sorted(wanted):
            hint += "; the same axes in another order stand there, so a transpose may be all it needs"
        raise DatasetError(
            f'{where}: array "{key}" has shape {array.shape}, the model wants (N, {", ".join(map(str, wanted))})',
            hint=hint,
        )
    if len(array) == 0:
        raise DatasetError(f'{where}: array "{key}" is empty', hint="give at least one sample")
    values = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))[0])
        raise DatasetError(
            f'{where}: array "{key}" has NaN or infinite values, the first in sample {bad}',
            hint="drop or mend those samples",
        )
    return values


def _labels(table: Mapping[str, Any], count: int, classes: int | None, where: str) -> npt.NDArray[np.int64]:
    if "labels" not in table:
        raise DatasetError(f'{where}: has no array "labels"', hint='give "inputs" and "labels"')
    labels = np.asarray(table["labels"])
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DatasetError(
            f'{where}: array "labels" has shape {labels.shape} and dtype {labels.dtype}, '
            f"integers of shape ({count},) are needed",
            hint="one class index a sample",
        )
    if classes is not None and (labels.min() < 0 or labels.max() >= classes):
        raise DatasetError(
            f"{where}: labels run from {labels.min()} to {labels.max()}, the model has {classes} classes",
            hint=f"labels must lie in 0…{classes - 1}",
        )
    return labels.astype(np.int64)
