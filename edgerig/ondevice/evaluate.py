"""A file's outputs over samples: the same on a device, in a build's check, and of a file that is a source.

It stands by itself because what is built depends on it (`build/keys.py`), and not on how a job is timed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerig.ondevice import tensors
from edgerig.ondevice.engines import Array, Description, Engine
from edgerig.ondevice.stream import start_anew


def evaluate(engine: Engine, inputs: list[Array], resets: Sequence[int] = ()) -> list[Array]:
    """Outputs over all samples in order, one (N, …) array per tensor: real ones as float32, integers and bools as they
    are. For a file that keeps state, `engine` must be freshly loaded; it is started anew before the samples `resets`,
    ascending."""
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
    return [np.concatenate(column, axis=0) for column in collected]


def sample(description: Description, inputs: list[Array], index: int) -> list[Array]:
    """Sample `index` as the file wants it: batch 1, the file's dtype, quantized by the file's own scale. Integers stay
    integers on the way. Raises ValueError when there are not as many `inputs` as the file has."""
    if len(description.inputs) != len(inputs):
        raise ValueError(f"the file has {len(description.inputs)} inputs, the job gives {len(inputs)}")
    return [
        tensors.quantize(np.ascontiguousarray(array[index : index + 1]), info)
        for array, info in zip(inputs, description.inputs, strict=True)
    ]
