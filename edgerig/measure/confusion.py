"""Which classes a classifier takes for which: a table of counts, and how many of each class it gets right.

A row is a label, a column what the network answered: the class of its largest score, of equal ones the first. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.results import Confusion

PAIRS = 200
"""The most confusions kept of a cell, the most frequent first: all there can be of 14 classes."""


def confusion(output: str | None, scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Confusion | None:
    """Of `scores` (N, classes) and integer `labels` (N,) of the output called `output`; None of what are no scores of
    two classes or more, or labels that name other classes."""
    if scores.ndim != 2 or scores.shape[1] < 2 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    classes, samples = scores.shape[1], len(scores)
    if not samples or len(labels) != samples or labels.min() < 0 or labels.max() >= classes:
        return None
    if not np.isfinite(scores).all():
        return None
    answers = scores.argmax(axis=1)
    right = labels == answers
    return Confusion(
        output=output,
        support=tuple(np.bincount(labels, minlength=classes).tolist()),
        right=tuple(np.bincount(labels[right], minlength=classes).tolist()),
        answered=tuple(np.bincount(answers, minlength=classes).tolist()),
        confused=tuple(_most_frequent(labels[~right], answers[~right], classes)),
    )


def _most_frequent(labels: npt.NDArray[Any], answers: npt.NDArray[Any], classes: int) -> Iterator[tuple[int, int, int]]:
    """(label, answer, count), the most frequent first, then in the order of labels and answers."""
    pairs, counts = np.unique(labels.astype(np.int64) * classes + answers, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:PAIRS]:
        label, answer = divmod(int(pairs[place]), classes)
        yield label, answer, int(counts[place])
