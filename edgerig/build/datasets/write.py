"""A dataset, checked and laid out as .npy files in the store, batch by batch.

Files of an entry: `input_<i>.npy` (N, …) and `calibration_<i>.npy` (M, …), each of its tensor's dtype and in the source
model's own layout, and where there are labels `labels.npy`: int64 (N,) for classes, float32 (N, …) for values; others
as `measure/labels.py` says. Where samples are sequences, N is the steps of all of them, and
`input_lengths.npy` and `calibration_lengths.npy` say how many each has.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.datasets.dataset import Array, Batch, Dataset, Fits, Split, Tensor
from edgerig.build.datasets.labels import write_labels
from edgerig.build.datasets.overlap import Overlap
from edgerig.build.datasets.sequences import by_step
from edgerig.errors import DatasetError
from edgerig.npy import LENGTHS, NpyWriter, fingerprint_files, stems, write
from edgerig.ondevice.tensors import exactly

GIB = 2**30


@dataclass(frozen=True)
class Written:
    """What is in the folder now; `fingerprint` is over the evaluation's inputs and labels."""

    samples: int
    labelled: bool
    fingerprint: str
    calibration_fingerprint: str
    steps: int | None = None
    """Of all samples together, where they are sequences."""
    lengths: str = ""
    """How long they are, for a reader."""


@dataclass(frozen=True)
class _Done:
    """A split that is written: its samples, whether they had labels, and their lengths where they are sequences."""

    samples: int
    labelled: bool
    lengths: tuple[int, ...] | None


def write_dataset(dataset: Dataset, fits: Fits, folder: Path, max_gib: float) -> Written:
    """Reads the dataset through once. Raises DatasetError naming the file or sample, what is wrong and the fix.

    At most a batch is in memory. `max_gib` bounds what is written.
    """
    room = _Room(dataset.where, folder, max_gib)
    seen = Overlap(dataset.where)
    done = _write(dataset, dataset.evaluation, fits, folder, "input", room, seen.evaluated)
    if done.samples == 0:
        raise DatasetError(f"{dataset.where}: it is empty", hint="give at least one sample")
    if not done.labelled and fits.labels != "inputs":
        raise DatasetError(f"{dataset.where}: no labels", hint='give labels, or labels = "inputs" for an autoencoder')
    if dataset.calibration is not None:
        _write(dataset, dataset.calibration, fits, folder, "calibration", room, seen.calibrated)
        if not dataset.drawn:
            seen.check()
    if dataset.labels:
        room.take(_write_labels(dataset, fits, done, folder))
    labels = sorted(folder.glob("labels*.npy"))
    return Written(
        done.samples,
        bool(labels),
        fingerprint_files([*_files(folder, "input"), *labels]),
        fingerprint_files(_files(folder, "calibration")),
        None if done.lengths is None else sum(done.lengths),
        "" if done.lengths is None else _told(done.lengths),
    )


def _write_labels(dataset: Dataset, fits: Fits, done: _Done, folder: Path) -> int:
    """Those that are read apart; gives their bytes."""
    labels, count = dataset.labels, done.samples
    if fits.answer == "each" and done.lengths is not None:
        labels = {name: by_step(given, done.lengths, f"{dataset.where}: labels") for name, given in labels.items()}
        count = sum(done.lengths)
    return write_labels(labels, fits.apart, count, folder, dataset.where)


def _files(folder: Path, stem: str) -> list[Path]:
    lengths = folder / f"{stem}{LENGTHS}.npy"
    return [*stems(folder, stem), *([lengths] if lengths.is_file() else [])]


def _told(lengths: tuple[int, ...]) -> str:
    low, high = min(lengths), max(lengths)
    return f", sequences of {low} steps" if low == high else f", sequences of {low} to {high} steps"


class _Room:
    """Counts the bytes written against the dataset's own limit and the disk's."""

    def __init__(self, where: str, folder: Path, max_gib: float) -> None:
        self._where = where
        self._limit = max_gib * GIB
        self._free = shutil.disk_usage(folder).free
        self._max_gib = max_gib
        self._taken = 0

    def take(self, size: int) -> None:
        self._taken += size
        self._check(self._taken, "comes to more than")

    def announce(self, size: int) -> None:
        """Refuses what would not fit before any of it is decoded."""
        self._check(self._taken + size, f"comes to {size / GIB:.3g} GiB,")

    def _check(self, size: int, found: str) -> None:
        if size > self._limit:
            raise DatasetError(
                f"{self._where}: decoded, it {found} dataset.max_gib = {self._max_gib:g} GiB",
                hint="raise dataset.max_gib if the disk has room, or evaluate on fewer samples",
            )
        if size > self._free:
            raise DatasetError(
                f"{self._where}: decoded, it {found} the {self._free / GIB:.3g} GiB free on the cache's disk",
                hint="free some space, or set EDGERIG_CACHE to a folder on a larger disk",
            )


def _write(
    dataset: Dataset,
    split: Split,
    fits: Fits,
    folder: Path,
    stem: str,
    room: _Room,
    seen: Callable[[list[Array]], None],
) -> _Done:
    """Writes one split."""
    evaluated = stem == "input"
    one = sum(np.dtype(tensor.dtype).itemsize * math.prod(tensor.sample) for tensor in fits.inputs)
    if split.count is not None:
        room.announce(split.count * one)
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(NpyWriter(folder / f"{stem}_{index}.npy", tensor.sample_of_model, tensor.dtype))
            for index, tensor in enumerate(fits.inputs)
        ]
        labels: NpyWriter | None = None
        lengths: list[int] = []
        for batch in split.batches():
            start = writers[0].count
            inputs = _inputs(batch, fits, dataset.where, stem, start)
            room.take(sum(array.nbytes for array in inputs))
            for sample in _samples(inputs, batch.lengths):
                seen(sample)
            lengths += batch.lengths or ()
            for writer, array in zip(writers, inputs, strict=True):
                writer.append(array)
            if evaluated and fits.labels != "inputs" and batch.labels is not None:
                checked = _labels(batch, fits, len(inputs[0]), dataset.where, start)
                if labels is None:
                    path = folder / "labels.npy"
                    labels = stack.enter_context(NpyWriter(path, checked.shape[1:], checked.dtype))
                room.take(checked.nbytes)
                labels.append(checked)
        if fits.answer is None:
            return _Done(writers[0].count, labels is not None, None)
        write(folder / f"{stem}{LENGTHS}.npy", np.array(lengths, np.int64))
        return _Done(len(lengths), labels is not None, tuple(lengths))


def _samples(inputs: list[Array], lengths: tuple[int, ...] | None) -> Iterator[list[Array]]:
    """The batch as samples that must not be in both splits: whole sequences, where it has their steps."""
    if lengths is None:
        yield inputs
        return
    start = 0
    for length in lengths:
        yield [array[start : start + length][np.newaxis] for array in inputs]
        start += length


def _inputs(batch: Batch, fits: Fits, where: str, stem: str, start: int) -> list[Array]:
    if len(batch.inputs) != len(fits.inputs):
        raise DatasetError(
            f"{where}: it feeds {len(batch.inputs)} inputs, the model has {len(fits.inputs)}",
            hint="give inputs_0, inputs_1, … in an npz; images, tables and audio feed one input",
        )
    return [_input(a, t, batch, where, stem, start) for a, t in zip(batch.inputs, fits.inputs, strict=True)]


def _input(array: Array, tensor: Tensor, batch: Batch, where: str, stem: str, start: int) -> Array:
    what = f'{"inputs" if stem == "input" else stem} of "{tensor.name}"'
    check_shape(array.shape, array.dtype, tensor, f"{where}: {what}")
    values = exactly(np.ascontiguousarray(array).reshape(len(array), *tensor.sample), np.dtype(tensor.dtype))
    if values is None:
        raise DatasetError(
            f"{where}: {what}, given as {array.dtype}, hold values that the tensor's {tensor.dtype} cannot hold",
            hint=f"round or scale them yourself and store them as {tensor.dtype}",
        )
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        bad = int(np.flatnonzero(~finite)[0])
        name = batch.names(bad) or f"sample {start + bad}"
        raise DatasetError(
            f"{where}: {what} have NaN or infinite values, the first in {name}", hint="drop or correct those samples"
        )
    return values.transpose(tensor.order) if tensor.order else values


def check_shape(shape: tuple[int, ...], dtype: np.dtype[Any], tensor: Tensor, what: str) -> None:
    """Raises DatasetError unless an array (N, …) of this shape and dtype can feed `tensor`."""
    if dtype.kind not in "fiub":
        raise DatasetError(f"{what}: dtype {dtype}, numbers are needed", hint="store it as float32")
    wanted = tensor.sample
    if shape[1:] == tensor.shape and tensor.batch:
        return  # the batch's axis is still in it
    if shape[1:] != wanted:
        sizes = ", ".join(map(str, wanted))
        hint = f"the model's input is ({', '.join(map(str, tensor.shape))}): reshape the data to (N, …) of it"
        if sorted(shape[1:]) == sorted(wanted):
            hint += "; the same axes in another order stand there, so a transpose may be all it needs"
        raise DatasetError(f"{what}: shape {shape}, the model wants (N, {sizes})", hint=hint)


def _labels(batch: Batch, fits: Fits, count: int, where: str, start: int) -> Array:
    labels = np.asarray(batch.labels)
    if fits.labels == "values":
        return _values(labels, fits, count, batch, where, start)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DatasetError(
            f"{where}: labels have shape {labels.shape} and dtype {labels.dtype}, "
            f"integers of shape ({count},) are needed",
            hint='one class index per sample; real-valued targets go with labels = "values"',
        )
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    if fits.classes is not None and (low < 0 or high >= fits.classes):
        raise DatasetError(
            f"{where}: labels run from {low} to {high}, the model has {fits.classes} classes",
            hint=f"labels must lie in 0…{fits.classes - 1}",
        )
    return labels.astype(np.int64)


def _values(labels: Array, fits: Fits, count: int, batch: Batch, where: str, start: int) -> Array:
    wanted = (count, *fits.output[1:])
    if labels.dtype.kind not in "fiu" or _longer_axes(labels.shape) != _longer_axes(wanted):
        raise DatasetError(
            f"{where}: labels have shape {labels.shape} and dtype {labels.dtype}, numbers of shape {wanted} are needed",
            hint="with labels = \"values\" a sample's label has the shape of the model's output",
        )
    values = np.ascontiguousarray(labels, np.float32).reshape(wanted)  # axes of length 1 may come and go
    finite = np.isfinite(values).reshape(count, -1).all(axis=1)
    if not finite.all():
        bad = int(np.flatnonzero(~finite)[0])
        name = batch.names(bad) or f"sample {start + bad}"
        raise DatasetError(f"{where}: the label of {name} is NaN or infinite", hint="drop or correct that sample")
    return values


def _longer_axes(shape: tuple[int, ...]) -> list[int]:
    """The axes of more than one element: two shapes alike in these lie alike in memory."""
    return [length for length in shape if length != 1]
