"""What the batch norms of an untrained network take their statistics from: samples of the model's own data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgerig.build.datasets import open_dataset
from edgerig.build.datasets.dataset import Fits, Tensor, stored
from edgerig.build.source import Arrays, drawn
from edgerig.spec import ModelSpec, TensorSpec


def settling_samples(spec: ModelSpec, inputs: Sequence[TensorSpec], count: int, seed: int) -> Arrays:
    """Up to `count` samples, one array (n, …) for each of `inputs`: calibration's, or where the data has none, the
    evaluation's; without data, random ones within an input's `range`. The same in every process."""
    if spec.dataset is None:
        return drawn(inputs, seed, count)
    tensors = tuple(stored(tensor, spec.dataset_layout) for tensor in inputs)
    output = spec.outputs[0].shape if spec.outputs else (1, 1)
    dataset = open_dataset(spec.dataset, spec.folder, Fits(tensors, output, "inputs", None), spec.fetched, spec.located)
    split = dataset.calibration or dataset.evaluation
    return _first(tensors, (batch.inputs for batch in split.batches()), count)


def _first(tensors: Sequence[Tensor], batches: Iterable[Arrays], count: int) -> Arrays:
    pieces: list[Arrays] = []
    found = 0
    for batch in batches:
        pieces.append([np.asarray(array[: count - found]) for array in batch])
        found += len(pieces[-1][0])
        if found >= count:
            break
    whole = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
    return [
        np.ascontiguousarray(array.transpose(tensor.order) if tensor.order else array, dtype=tensor.dtype)
        for tensor, array in zip(tensors, whole, strict=True)
    ]
