"""The format builders, one module each, and what they share about a source model.

A builder's module imports its frameworks at its top: it is only ever imported in a build's own process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from edgerig.build.source import Arrays, SourceModel, one_sample
from edgerig.errors import BuildError, EdgerigError
from edgerig.spec import TensorSpec

LISTED = 20
"""Layers or operators named in a note, at most."""


def trace_inputs(model: SourceModel) -> Arrays:
    """Inputs to trace the model with, a sample of its data (`SourceModel.sample`), freshly allocated.

    An exporter may record strides, so these must never be views into a larger array (a stride of 0 cannot be lowered).
    """
    return [np.array(array, order="C") for array in model.sample]


def left_in_float(names: Iterable[str]) -> tuple[str, ...]:
    """The note that says which layers or operators a quantizing recipe left in float32, () when there are none.

    `names` has one for each, in order; equal ones are counted.
    """
    counts = Counter(names)
    if not counts:
        return ()
    shown = [name if count == 1 else f"{name} ({count})" for name, count in list(counts.items())[:LISTED]]
    more = f" and {len(counts) - LISTED} more" if len(counts) > LISTED else ""
    return (f"left in float32: {', '.join(shown)}{more}",)


def samples_of(arrays: Arrays, tensors: Sequence[TensorSpec]) -> Iterator[Arrays]:
    """Each sample of `arrays` (N, …) in turn, as own contiguous arrays of their tensors' shapes."""
    for index in range(len(arrays[0])):
        yield one_sample(arrays, tensors, index)


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
        raise BuildError(
            f"{what} failed: {type(error).__name__}: {first_words(error)}",
            hint="the build's log has the converter's own output",
        ) from error


def first_words(error: BaseException) -> str:
    """The first line of an exception's message that says something: converters begin with rules, brackets, headings and
    "the following:", and some wrap the cause in an exception without a message."""
    seen: BaseException | None = error
    while seen is not None:
        lines = [line.strip() for line in str(seen).splitlines()]
        telling = [
            line for line in lines if sum(c.isalpha() for c in line) >= FEWEST_LETTERS and not line.endswith(":")
        ]
        if telling:
            return telling[0][:LONGEST_WORDS]
        seen = seen.__cause__ or seen.__context__
    return (str(error).strip().splitlines() or ["no message"])[0][:LONGEST_WORDS]


FEWEST_LETTERS = 8
LONGEST_WORDS = 500
