"""Samples of different lengths in two plain arrays: the boxes of each picture, the characters of each sentence.

`values` has all samples one after another along its first axis, `lengths` how much of it each has: the layout of an
Arrow list (https://arrow.apache.org/docs/format/Columnar.html), which needs no pickled objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Ragged(Sequence[Array]):
    """A sequence of arrays (length, …) of one dtype. Raises ValueError unless `lengths` add up to `values`' length."""

    def __init__(self, values: Array, lengths: Array) -> None:
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (len(lengths) and int(lengths.min()) < 0):
            raise ValueError(f"lengths of shape {lengths.shape} and dtype {lengths.dtype}, whole numbers are needed")
        if not values.ndim or int(lengths.sum(dtype=np.int64)) != len(values):
            raise ValueError(f"lengths add up to {int(lengths.sum())}, there are values of shape {values.shape}")
        self.values, self.lengths = values, lengths
        self._ends = lengths.cumsum(dtype=np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> Ragged: ...
    def __getitem__(self, index: int | slice) -> Array | Ragged:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a slice of every sample is needed")
            stop = max(start, stop)
            return Ragged(self.values[self._start(start) : self._start(stop)], self.lengths[start:stop])
        place = range(len(self))[index]
        return self.values[self._start(place) : self._start(place + 1)]

    def __iter__(self) -> Iterator[Array]:
        return (self[place] for place in range(len(self)))

    def _start(self, place: int) -> int:
        return int(self._ends[place - 1]) if place else 0


def ragged(samples: Sequence[Array]) -> Ragged:
    """The arrays (length, …), alike but for their lengths, as one. Raises ValueError where they are not."""
    lengths = np.array([len(sample) for sample in samples], np.int64)
    return Ragged(np.concatenate(list(samples)) if len(samples) else np.empty(0, np.float32), lengths)


def encoded(texts: Sequence[str]) -> Ragged:
    """Texts as their UTF-8 bytes, uint8."""
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(content) for content in contents], np.int64)
    return Ragged(np.frombuffer(b"".join(contents), np.uint8), lengths)


def decoded(found: Ragged) -> list[str]:
    """The texts whose UTF-8 bytes these are; what is none is replaced by U+FFFD."""
    return [sample.astype(np.uint8).tobytes().decode("utf-8", "replace") for sample in found]
