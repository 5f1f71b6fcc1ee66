"""Outputs of a network's steps as what the sequences they belong to are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.ragged import Ragged
from edgerig.spec.stream import Answer, StreamSpec


@dataclass(frozen=True)
class Sequences:
    """`lengths` are the steps of each sequence, in order."""

    lengths: Sequence[int]
    answer: Answer

    def of(self, steps: npt.NDArray[Any]) -> npt.NDArray[Any] | Ragged:
        """What is judged of values (S, …), those of the steps of all sequences or of the first ones: of the last step
        of each (N, …), of all its steps (N, T, …), or, where lengths differ, samples of their own lengths."""
        if self.answer == "each":
            return steps
        ends = np.cumsum(self.lengths)
        ends = ends[: int(np.searchsorted(ends, len(steps), side="right"))]
        if self.answer == "last":
            found: npt.NDArray[Any] = steps[ends - 1]
            return found
        lengths = np.diff(ends, prepend=0)
        if len(set(lengths.tolist())) == 1:
            return steps[: int(ends[-1])].reshape(len(lengths), int(lengths[0]), *steps.shape[1:])
        return Ragged(steps[: int(ends[-1])], lengths.astype(np.int64))


def sequences_of(stream: StreamSpec | None, lengths: Sequence[int] | None) -> Sequences | None:
    """None where a sample is one step."""
    return Sequences(lengths, stream.answer) if stream is not None and lengths is not None else None


def judged(sequences: Sequences | None, outputs: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any] | Ragged]:
    """What metrics are taken of, of each output."""
    return [output if sequences is None else sequences.of(output) for output in outputs]
