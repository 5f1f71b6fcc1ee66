"""A file's outputs over samples: the same on a device, in a build's check, and of a file that is a source.

It stands by itself because what is built depends on it (`build/keys.py`), and not on how a job is timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgerig.ondevice import tensors
from edgerig.ondevice.engines import Array, Description, Engine, TensorInfo
from edgerig.ondevice.stream import start_anew

LENGTHS = " shape"
"""Behind an output's name: the shapes of an output whose lengths the data decides, one a sample."""


@dataclass(frozen=True)
class Evaluated:
    """Outputs over N samples, one (N, …) array a tensor, and what each is.

    An output of data-dependent length is padded with zeros to the longest sample's, its `TensorInfo` has -1 there, and
    the samples' own shapes follow behind all outputs as an int64 (N, rank) array of their own, called as it is with
    `LENGTHS`.
    """

    arrays: list[Array]
    tensors: list[TensorInfo]


def evaluate(engine: Engine, inputs: list[Array]) -> list[Array]:
    """The arrays of `evaluated`."""
    return evaluated(engine, inputs).arrays


def evaluated(engine: Engine, inputs: list[Array], resets: Sequence[int] = ()) -> Evaluated:
    """Outputs over all samples in order: real ones as float32 (float64 stays), integers and bools as they are. A first
    axis of length 1 is the batch's, whose place the axis of samples takes; any other output is kept whole.

    For a file that keeps state, `engine` must be freshly loaded; it is started anew before the samples `resets`,
    ascending. Raises ValueError when an output's number of axes differs from sample to sample.
    """
    description = engine.describe()
    collected: list[list[Array]] = [[] for _ in description.outputs]
    anew = set(resets)
    for index in range(len(inputs[0])):
        if index in anew:
            start_anew(engine)
        engine.set_inputs(sample(description, inputs, index))
        engine.invoke()
        for column, output, info in zip(collected, engine.outputs(), description.outputs, strict=True):
            column.append(tensors.dequantize(output, info))
    return together(collected, engine.describe().outputs)  # some runtimes know their shapes only after an inference


def together(collected: Sequence[Sequence[Array]], known: Sequence[TensorInfo]) -> Evaluated:
    """What each output gave on N samples, a sequence of N arrays for each, as `evaluated` gives it."""
    stacked = [stack(column, info) for column, info in zip(collected, known, strict=True)]
    return Evaluated(
        [each.arrays[0] for each in stacked] + [array for each in stacked for array in each.arrays[1:]],
        [each.tensors[0] for each in stacked] + [tensor for each in stacked for tensor in each.tensors[1:]],
    )


def stack(values: Sequence[Array], info: TensorInfo) -> Evaluated:
    """One output's values on N samples, each of the file's shape, as `evaluated` gives them: one array, or two."""
    rank = values[0].ndim
    if any(value.ndim != rank for value in values):
        raise ValueError(f'output "{info.name}" has now {rank} axes, now another number')
    if rank != len(info.shape):  # what the file declares is nothing of this output
        axes = (set(lengths) for lengths in zip(*(value.shape for value in values), strict=True))
        info = replace(info, shape=tuple(lengths.pop() if len(lengths) == 1 else -1 for lengths in axes))
    if not all(same_shape(value.shape, info.shape) for value in values):  # the file declares something else, or nothing
        info = replace(info, shape=(-1,) * rank)
    if -1 not in info.shape:
        return Evaluated([np.stack(values).reshape(len(values), *tensors.of_sample(info.shape))], [info])
    longest = tuple(max(lengths) for lengths in zip(*(value.shape for value in values), strict=True))
    padded = np.zeros((len(values), *longest), values[0].dtype)
    for place, value in zip(padded, values, strict=True):
        place[tuple(slice(length) for length in value.shape)] = value
    lengths = np.array([value.shape for value in values], np.int64)
    told = TensorInfo(name=info.name + LENGTHS, shape=(1, rank), dtype="int64")
    return Evaluated(
        [padded.reshape(len(values), *longest[1:] if info.shape[0] == 1 else longest), lengths], [info, told]
    )


def sample(description: Description, inputs: list[Array], index: int) -> list[Array]:
    """Sample `index` as the file wants it: of its shape and dtype, quantized by the file's own scale. Integers stay
    integers on the way. Raises ValueError when there are not as many `inputs` as the file has."""
    if len(description.inputs) != len(inputs):
        raise ValueError(f"the file has {len(description.inputs)} inputs, the job gives {len(inputs)}")
    return [
        tensors.quantize(shaped(array, index, info.shape), info)
        for array, info in zip(inputs, description.inputs, strict=True)
    ]


def shaped(array: Array, index: int, shape: tuple[int, ...]) -> Array:
    """Sample `index` of `array` (N, …) with the axes of length 1, the batch's, that the file's `shape` has."""
    one = np.asarray(array[index], order="C")
    if -1 not in shape and tensors.same_axes(one.shape, shape):
        return one.reshape(shape)
    return one if one.ndim == len(shape) else one[np.newaxis]


def same_shape(found: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    """Is it the declared one, whose -1 stand for any length?"""
    return len(found) == len(declared) and all(want in (-1, got) for got, want in zip(found, declared, strict=True))
