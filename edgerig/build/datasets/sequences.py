"""Samples that are sequences of a network's steps: `[stream] samples = "sequences"`.

An input's array is (N, T, …) where the sequences are of one length. Where they differ it has all steps one after
another, (S, …), or is padded, (N, T, …), and `inputs_lengths` (N,) says how many steps each has. One that is the same
in all steps of a sequence is (N, …). Calibration's arrays are called `calibration`. All are read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgerig.build.datasets.dataset import Array, Batch, Dataset, Fits, Split, Tensor
from edgerig.build.datasets.labels import LENGTHS, from_arrays, samples_of
from edgerig.build.datasets.naming import array_names
from edgerig.errors import DatasetError
from edgerig.measure.metrics import Given
from edgerig.measure.ragged import Ragged
from edgerig.npy import PIECE_BYTES

HINT = "a sample is a sequence: (N, T, …), or all steps (S, …) and inputs_lengths (N,)"


def open_sequences(
    arrays: Mapping[str, Callable[[], Any]], fits: Fits, limit: int | None, where: str, origin: str
) -> Dataset:
    """`arrays` brings each by its name; at most `limit` sequences are calibrated on. Raises DatasetError."""
    evaluated = _given("inputs", arrays, fits, where)
    calibrated = (
        _given("calibration", arrays, fits, where) if any(n.startswith("calibration") for n in arrays) else None
    )
    labels = from_arrays(fits.apart, list(arrays), lambda name: arrays[name](), where)
    calibration = None if calibrated is None else _split(calibrated, fits, where, limit)
    return Dataset(where, origin, _split(evaluated, fits, where, None), calibration, labels=labels)


def batched(sequences: Iterable[list[Array]], fits: Fits, where: str) -> Iterator[Batch]:
    """Whole sequences, each an array an input of (T, …) or, the same in all steps, (…), in batches of about
    `PIECE_BYTES`. Raises DatasetError."""
    kept: list[list[Array]] = []
    first = 0
    for number, arrays in enumerate(sequences):
        kept.append(_steps(arrays, fits, f"{where}: sample {number}"))
        if sum(array.nbytes for one in kept for array in one) >= PIECE_BYTES:
            yield _batch(kept, first)
            kept, first = [], number + 1
    if kept:
        yield _batch(kept, first)


def by_step(given: Given, lengths: Sequence[int], what: str) -> Given:
    """The labels of sequences of these lengths as those of their steps. Raises DatasetError."""
    steps = sum(lengths)
    if isinstance(given, Ragged) and given.lengths.tolist() == list(lengths):
        return given.values
    if isinstance(given, np.ndarray):
        whole = given.ndim > 1 and given.shape[0] == len(lengths) and given.shape[1] >= max(lengths)
        if whole and (given.shape[1] == max(lengths)):
            return np.concatenate([row[:length] for row, length in zip(given, lengths, strict=True)])
        if len(given) == steps:
            return given
    raise DatasetError(
        f'{what}: with answer = "each" there is a label for each of the {steps} steps of {len(lengths)} sequences',
        hint="labels (N, T), or all (S,), and where the sequences differ labels_lengths as the inputs have it",
    )


def _given(stem: str, arrays: Mapping[str, Callable[[], Any]], fits: Fits, where: str) -> list[Given]:
    return [
        _of_input(name, stem, tensor, arrays, f'{where}: array "{name}"')
        for name, tensor in zip(array_names(stem, fits.inputs, list(arrays), where), fits.inputs, strict=True)
    ]


def _of_input(name: str, stem: str, tensor: Tensor, arrays: Mapping[str, Callable[[], Any]], what: str) -> Given:
    """One input's sequences. Arrays that say nothing of lengths have them equal, or are the same in all steps."""
    values = arrays[name]()
    own = next((key for key in (name + LENGTHS, stem + LENGTHS) if key in arrays), None)
    lengths = None if own is None else np.asarray(arrays[own]())
    if not isinstance(values, np.ndarray):
        return samples_of(values, None, what)
    constant, steps = values.shape[1:] == tensor.sample, values.shape[2:] in (tensor.sample, tensor.shape)
    if lengths is None or (len(values) == len(lengths) and (steps or name != stem)):
        if not (constant or steps):
            raise DatasetError(f"{what}: shape {values.shape}, (N, T, {_sizes(tensor)}) is needed", hint=HINT)
        return values if lengths is None or constant else _unpadded(values, lengths, what)
    return samples_of(values, lengths, what)


def _unpadded(values: Array, lengths: Array, what: str) -> Ragged:
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.min() < 1 or lengths.max() > values.shape[1]:
        raise DatasetError(f"{what}: lengths that are no numbers from 1 to {values.shape[1]}", hint=HINT)
    return Ragged(np.concatenate([row[: int(length)] for row, length in zip(values, lengths, strict=True)]), lengths)


def _split(given: Sequence[Given], fits: Fits, where: str, limit: int | None) -> Split:
    counts = {len(each) for each in given}
    if len(counts) != 1:
        raise DatasetError(f"{where}: arrays of {sorted(counts)} samples", hint="one each a sample")
    count = min(counts) if limit is None else min(limit, *counts)

    def batches() -> Iterator[Batch]:
        yield from batched(([np.asarray(each[place]) for each in given] for place in range(count)), fits, where)

    return Split(None, batches)


def _steps(arrays: Sequence[Array], fits: Fits, what: str) -> list[Array]:
    """One sequence's arrays, each (T, …) of its tensor's."""
    found: list[Array | None] = []
    for array, tensor in zip(arrays, fits.inputs, strict=True):
        if array.shape == tensor.sample:
            found.append(None)
        elif array.shape[1:] in (tensor.sample, tensor.shape):
            found.append(array.reshape(len(array), *tensor.sample))
        else:
            raise DatasetError(
                f'{what}: "{tensor.name}" has shape {array.shape}, (T, {_sizes(tensor)}) is needed', hint=HINT
            )
    lengths = {len(array) for array in found if array is not None}
    if len(lengths) != 1 or 0 in lengths:
        told = f"inputs of {sorted(lengths)} steps" if lengths else "no input has an axis of steps"
        raise DatasetError(f"{what}: {told}", hint="all inputs of a sequence have as many steps, at least one")
    (length,) = lengths
    return [
        np.broadcast_to(given, (length, *given.shape)) if array is None else array
        for array, given in zip(found, arrays, strict=True)
    ]


def _batch(sequences: Sequence[Sequence[Array]], first: int) -> Batch:
    lengths = tuple(len(one[0]) for one in sequences)
    arrays = [np.concatenate(columns) for columns in zip(*sequences, strict=True)]
    return Batch(arrays, None, partial(_named, first, lengths), lengths)


def _named(first: int, lengths: Sequence[int], step: int) -> str:
    ends = np.cumsum(lengths)
    place = int(np.searchsorted(ends, step, side="right"))
    return f"step {step - int(ends[place]) + lengths[place]} of sample {first + place}"


def _sizes(tensor: Tensor) -> str:
    return ", ".join(map(str, tensor.sample))
