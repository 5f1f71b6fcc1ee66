"""Arrays that become a model's inputs by a function of its folder: `preprocess = "file.py:function"`.

Samples may be of any shape and, where `inputs_lengths` says how long each is, of any length: a recording, a picture as
it was taken. They are read whole. The function gets one sample's arrays and gives the model's inputs for it: where a
sample is a sequence, those of all its steps, (T, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgerig.build.datasets.dataset import Array, Batch, Dataset, Fits, Split
from edgerig.build.datasets.labels import LENGTHS, from_arrays, samples_of
from edgerig.build.datasets.sequences import batched
from edgerig.build.stage import StageCalls, as_array
from edgerig.errors import DatasetError
from edgerig.measure.metrics import Given
from edgerig.npy import samples_a_piece


def open_preprocessed(
    stage: StageCalls, arrays: Mapping[str, Callable[[], Any]], fits: Fits, limit: int | None, where: str, origin: str
) -> Dataset:
    """`arrays` brings each by its name; at most `limit` samples are calibrated on. Raises DatasetError."""

    def brought(name: str) -> Any:
        return arrays[name]()

    labels = from_arrays(fits.apart, list(arrays), brought, where)
    evaluated = _named("inputs", arrays, brought, where)
    if not evaluated:
        raise DatasetError(
            f'{where}: has no array "inputs" (it holds: {", ".join(arrays) or "nothing"})',
            hint="preprocess is given inputs, or inputs_0, inputs_1, …",
        )
    calibrated = _named("calibration", arrays, brought, where)
    calibration = _split(stage, calibrated, fits, where, limit) if calibrated else None
    return Dataset(where, origin, _split(stage, evaluated, fits, where, None), calibration, labels=labels)


def _named(stem: str, arrays: Mapping[str, Any], brought: Callable[[str], Any], where: str) -> list[Given]:
    """The arrays called `stem`, or `stem_…`, in their order."""
    names = [stem] if stem in arrays else [name for name in arrays if name.startswith(f"{stem}_")]
    names = [name for name in names if not name.endswith(LENGTHS)]
    return [
        samples_of(brought(name), brought(name + LENGTHS) if name + LENGTHS in arrays else None, f"{where}: {name}")
        for name in names
    ]


def _split(stage: StageCalls, given: Sequence[Given], fits: Fits, where: str, limit: int | None) -> Split:
    lengths = {len(each) for each in given}
    if len(lengths) != 1:
        raise DatasetError(f"{where}: arrays of {sorted(lengths)} samples", hint="one each a sample")
    count = min(lengths) if limit is None else min(limit, *lengths)
    step = min(samples_a_piece((1, *tensor.sample), tensor.dtype) for tensor in fits.inputs)

    def batches() -> Iterator[Batch]:
        if fits.answer is not None:
            samples = ([np.asarray(each[place]) for each in given] for place in range(count))
            yield from batched((_of_inputs(stage, sample, fits) for sample in samples), fits, where)
            return
        for start in range(0, count, step):
            places = range(start, min(start + step, count))
            made = [_made(stage, [np.asarray(each[place]) for each in given], fits) for place in places]
            yield Batch([np.stack(each) for each in zip(*made, strict=True)], None, lambda index: "")

    return Split(None if fits.answer is not None else count, batches)


def _made(stage: StageCalls, sample: Sequence[Array], fits: Fits) -> list[Array]:
    """One sample as the model's inputs. Raises DatasetError."""
    arrays = _of_inputs(stage, sample, fits)
    for array, tensor in zip(arrays, fits.inputs, strict=True):
        if array.size != int(np.prod(tensor.sample)):
            raise DatasetError(
                f'{stage.name} gave an array of shape {array.shape}, input "{tensor.name}" is of {tensor.sample}',
                hint="it is called with one sample, and gives one sample of the model's input",
            )
    return [array.reshape(tensor.sample) for array, tensor in zip(arrays, fits.inputs, strict=True)]


def _of_inputs(stage: StageCalls, sample: Sequence[Array], fits: Fits) -> list[Array]:
    """What the function makes of a sample, an array an input, by their names where it gives names. Raises
    DatasetError."""
    found = stage(sample)
    names = [tensor.name for tensor in fits.inputs]
    wanted = names if set(names) == set(found) else list(found)
    if len(wanted) != len(fits.inputs):
        raise DatasetError(
            f"{stage.name} gave {len(found)} inputs ({', '.join(found)}), the model has {', '.join(names)}",
            hint="return an array per input of the model, in their order or by their names",
        )
    return [as_array(found[name], stage.name) for name in wanted]
