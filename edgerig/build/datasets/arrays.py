"""Data that comes as arrays: an npz, what a Python factory gives, or seeded random numbers.

One input is called "inputs"; several are "inputs_0", "inputs_1", … or "inputs_<tensor's name>". Calibration's are
called "calibration" in the same way, and stand in the same file.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.datasets.dataset import Batch, Dataset, Fits, Split
from edgerig.build.datasets.labels import from_arrays
from edgerig.build.datasets.naming import NPZ_HINT, array_names
from edgerig.build.datasets.preprocessed import open_preprocessed
from edgerig.build.datasets.sequences import open_sequences
from edgerig.build.datasets.split import of_validation
from edgerig.build.datasets.write import check_shape
from edgerig.build.factory import call_factory
from edgerig.build.source import drawn
from edgerig.errors import DatasetError
from edgerig.npy import NpzMember, samples_a_piece
from edgerig.spec import DatasetSpec, TensorSpec

RANDOM_SAMPLES = 8
"""Random inputs made for a model without data: enough for parity, few enough for a 300 MFLOP network."""
RANDOM_STEPS = 8
"""Of each, where a sample is a sequence."""
UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, KeyError)
"""What zipfile and numpy raise on a file that is no npz."""


def open_npz(spec: DatasetSpec, folder: Path, fits: Fits) -> Dataset:
    """The arrays of `spec.npz`, read from the archive a batch at a time."""
    path = folder / Path(spec.npz or "")

    @contextlib.contextmanager
    def members(names: list[str]) -> Iterator[list[NpzMember]]:
        try:
            with zipfile.ZipFile(path) as archive:
                yield [NpzMember(archive, called[name]) for name in names]
        except UNREADABLE as error:
            raise DatasetError(f"{path}: not a readable npz: {error}", hint=NPZ_HINT) from error

    try:
        with zipfile.ZipFile(path) as archive:
            stored = [name.removesuffix(".npy") for name in archive.namelist()]
    except UNREADABLE as error:
        raise DatasetError(f"{path}: not a readable npz: {error}", hint=NPZ_HINT) from error
    called = _called(spec, stored, str(path))
    found = list(called)

    def whole(name: str) -> Any:
        with members([name]) as opened:
            return np.concatenate(list(opened[0].pieces(max(1, opened[0].shape[0]))) or [np.empty(opened[0].shape)])

    def batches(names: list[str], labels: str | None, limit: int | None) -> Iterator[Batch]:
        with members([*names, *([labels] if labels else [])]) as opened:
            step = min(samples_a_piece(member.shape, member.dtype) for member in opened[: len(names)])
            seen = 0
            for arrays in zip(*(member.pieces(step) for member in opened), strict=True):
                if limit is not None and seen >= limit:
                    return
                kept = [array[: None if limit is None else limit - seen] for array in arrays]
                seen += len(kept[0])
                yield Batch(kept[: len(names)], kept[len(names)] if labels else None, _unnamed)

    with members([]):
        pass
    if fits.preprocess is not None:
        brought = {name: partial(whole, name) for name in found}
        return open_preprocessed(fits.preprocess, brought, fits, spec.calibration, str(path), path.name)
    if fits.answer is not None:
        brought = {name: partial(whole, name) for name in found}
        return open_sequences(brought, fits, spec.calibration, str(path), path.name)
    labels = from_arrays(fits.apart, found, whole, str(path))
    return replace(_dataset(spec, fits, str(path), path.name, found, _shapes(members), batches), labels=labels)


def open_factory(spec: DatasetSpec, folder: Path, fits: Fits, fetched: Path | None = None) -> Dataset:
    """The arrays of the mapping the factory returns; memory-mapped ones are never held whole."""
    where = str(spec.factory)
    table = call_factory(folder, where, fetched=fetched)
    if not isinstance(table, Mapping):
        raise DatasetError(
            f"{where}: gave a {type(table).__name__}, not a mapping",
            hint='return {"inputs": …, "labels": …, "calibration": …}',
        )
    keys = {str(key): key for key in table}
    called = {name: keys[own] for name, own in _called(spec, list(keys), where).items()}
    if fits.preprocess is not None:
        brought = {name: partial(table.__getitem__, key) for name, key in called.items()}
        return open_preprocessed(fits.preprocess, brought, fits, spec.calibration, where, where)
    if fits.answer is not None:
        brought = {name: partial(table.__getitem__, key) for name, key in called.items()}
        return open_sequences(brought, fits, spec.calibration, where, where)
    labels = from_arrays(fits.apart, list(called), lambda name: table[called[name]], where)
    own = {one.array for one in fits.apart}
    arrays = {name: np.asanyarray(table[key]) for name, key in called.items() if name not in own}

    def batches(names: list[str], labels: str | None, limit: int | None) -> Iterator[Batch]:
        count = len(arrays[names[0]]) if limit is None else min(limit, len(arrays[names[0]]))
        step = min(samples_a_piece(arrays[name].shape) for name in names)
        for start in range(0, count, step):
            cut = slice(start, min(start + step, count))
            yield Batch([arrays[name][cut] for name in names], arrays[labels][cut] if labels else None, _unnamed)

    def shapes(names: list[str]) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        return [(arrays[name].shape, arrays[name].dtype) for name in names]

    return replace(_dataset(spec, fits, where, where, list(arrays), shapes, batches), labels=labels)


def random_dataset(fits: Fits, seed: int) -> Dataset:
    """Inputs spread evenly over their range, or real ones standard-normal where none is known.

    Calibration has a stream of its own, so that the two never share a sample.
    """

    tensors = [
        TensorSpec(
            name=t.name, shape=t.shape, dtype=t.dtype, range=t.range, batch_axis="none" if t.batch is None else t.batch
        )
        for t in fits.inputs
    ]

    lengths = None if fits.answer is None else (RANDOM_STEPS,) * RANDOM_SAMPLES

    def split(stream: int) -> Split:
        def batches() -> Iterator[Batch]:
            count = RANDOM_SAMPLES if lengths is None else sum(lengths)
            yield Batch(drawn(tensors, [seed, stream], count), None, _unnamed, lengths)

        return Split(RANDOM_SAMPLES, batches)

    return Dataset("random inputs", f"{RANDOM_SAMPLES} random inputs, seed {seed}", split(0), split(1), drawn=True)


def _called(spec: DatasetSpec, found: list[str], where: str) -> dict[str, str]:
    """What the arrays are called here → what they are called there: another split has names of its own."""
    if spec.evaluate != "validation":
        return {name: name for name in found}
    return of_validation(found, where, labelled=spec.labels != "inputs")


Shapes = Callable[[list[str]], list[tuple[tuple[int, ...], np.dtype[Any]]]]
Batches = Callable[[list[str], str | None, int | None], Iterator[Batch]]


def _shapes(members: Callable[[list[str]], contextlib.AbstractContextManager[list[NpzMember]]]) -> Shapes:
    def shapes(names: list[str]) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        with members(names) as opened:
            return [(member.shape, member.dtype) for member in opened]

    return shapes


def _dataset(
    spec: DatasetSpec, fits: Fits, where: str, origin: str, found: list[str], shapes: Shapes, batches: Batches
) -> Dataset:
    inputs = array_names("inputs", fits.inputs, found, where)
    labels = "labels" if fits.labels != "inputs" else None
    if labels is not None and labels not in found:
        raise DatasetError(f'{where}: has no array "labels" (it holds: {", ".join(found) or "nothing"})', hint=NPZ_HINT)
    count = _count(inputs, labels, fits, shapes, where)
    evaluation = Split(count, lambda: batches(inputs, labels, None))
    if not any(name.startswith("calibration") for name in found):
        return Dataset(where, origin, evaluation, None)
    names = array_names("calibration", fits.inputs, found, where)
    offered = _count(names, None, fits, shapes, where)
    taken = offered if spec.calibration is None else min(offered, spec.calibration)
    return Dataset(where, origin, evaluation, Split(taken, lambda: batches(names, None, taken)))


def _count(names: list[str], labels: str | None, fits: Fits, shapes: Shapes, where: str) -> int:
    """The number of samples the arrays agree on, their shapes and dtypes checked."""
    found = shapes([*names, *([labels] if labels else [])])
    for name, tensor, (shape, dtype) in zip(names, fits.inputs, found, strict=False):
        if not shape:
            raise DatasetError(f'{where}: array "{name}" is a single number', hint="samples lie along its first axis")
        check_shape(shape, dtype, tensor, f'{where}: array "{name}"')
    lengths = {name: shape[0] if shape else 0 for name, (shape, _) in zip([*names, "labels"], found, strict=False)}
    if len(set(lengths.values())) != 1:
        said = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
        raise DatasetError(f"{where}: the arrays differ in their number of samples: {said}", hint="one each a sample")
    return lengths[names[0]]


def _unnamed(index: int) -> str:
    """A sample of an array is called by its number."""
    return ""
