"""The format builders, one module each, and what they share about a source model.

A builder's module imports its frameworks at its top: it is only ever imported in a build's own process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from edgerig.build.source import Arrays
from edgerig.errors import BuildError, EdgerigError
from edgerig.spec import ModelSpec

TRACE_SEED = 0


def trace_inputs(spec: ModelSpec) -> Arrays:
    """Batch-1 inputs to trace the model with, of the spec's shapes: standard normal, freshly allocated.

    An exporter may record strides, so these must never be views into a larger array (a stride of 0 cannot be lowered).
    """
    rng = np.random.default_rng(TRACE_SEED)
    return [rng.standard_normal(tensor.shape, dtype=np.float32) for tensor in spec.inputs]


def batches_of_one(arrays: Arrays) -> Iterator[Arrays]:
    """Each sample of `arrays` (N, …) in turn, as own contiguous arrays (1, …)."""
    for index in range(len(arrays[0])):
        yield [np.array(array[index : index + 1]) for array in arrays]


def required(calibration: Arrays | None, recipe: str) -> Arrays:
    """`calibration`, which `recipe` cannot do without. Raises BuildError when there is none."""
    if not calibration or not len(calibration[0]):
        raise BuildError(
            f"{recipe} needs calibration data",
            hint='give the model a dataset with an array "calibration", taken from its training data',
        )
    return calibration


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Turns whatever a converter raises into a BuildError saying `what` failed; edgerig's own errors pass."""
    try:
        yield
    except EdgerigError:
        raise
    except Exception as error:  # converters raise anything; each must cost its own variant only
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise BuildError(
            f"{what} failed: {type(error).__name__}: {first}", hint="the build's log has the converter's own output"
        ) from error
