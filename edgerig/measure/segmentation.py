"""Metrics of a class per place: a mask's pixels, a sequence's steps. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.metrics import Evidence, Interval, Scores, Unmeasurable, array_of, bootstrap
from edgerig.npy import samples_a_piece

VOID = 255
"""A label that counts for nothing, as in PASCAL VOC's and Cityscapes' masks; so does any below 0."""


def miou(evidence: Evidence) -> tuple[float, Interval]:
    """Mean over classes of the intersection over union, |answered ∩ labelled| / |answered ∪ labelled| in pixels of all
    samples together (PASCAL VOC's, Everingham et al., IJCV 111, 2015); a class in neither counts for nothing."""
    outputs, labels = array_of(evidence.outputs[0]), array_of(evidence.targets)
    axis = class_axis(outputs.shape, labels.shape)
    classes = outputs.shape[axis] if axis is not None else 1 + _largest(outputs, labels)
    both, either = (np.zeros((len(labels), classes)) for _ in range(2))
    step = samples_a_piece(outputs.shape, outputs.dtype)
    for start in range(0, len(labels), step):
        answers = outputs[start : start + step]
        answers = answers.astype(np.int64) if axis is None else answers.argmax(axis=axis)
        for place, (answer, label) in enumerate(zip(answers, labels[start : start + step], strict=True), start):
            counts = (label >= 0) & (label != VOID)
            answer, label = answer[counts], label[counts].astype(np.int64)
            if label.max(initial=0) >= classes or answer.min(initial=0) < 0:
                raise Unmeasurable(f"labels run up to {label.max()}, the file gives {classes} classes")
            met = np.bincount(label[label == answer], minlength=classes)
            both[place] = met
            either[place] = np.bincount(label, minlength=classes) + np.bincount(answer, minlength=classes) - met

    def statistic(weights: Scores) -> Scores:
        union = weights @ either
        seen = union > 0
        shares = np.divide(weights @ both, union, out=np.zeros_like(union), where=seen)
        with np.errstate(invalid="ignore"):
            found: Scores = shares.sum(axis=1) / seen.sum(axis=1)
        return found

    if not either.any():
        raise Unmeasurable("no label counts: all are below 0 or 255")
    return float(statistic(np.ones((1, len(labels))))[0]), bootstrap(statistic, len(labels))


def class_axis(outputs: tuple[int, ...], labels: tuple[int, ...]) -> int | None:
    """The axis of scores in outputs whose labels are (N, …): last or second, None for class indices of the labels' own
    shape. Raises Unmeasurable."""
    if outputs == labels:
        return None
    last = len(outputs) == len(labels) + 1 and outputs[:-1] == labels
    second = len(outputs) == len(labels) + 1 and outputs[:1] + outputs[2:] == labels
    if last == second:
        why = "either may be the axis of classes" if last else "a score per class, or a class, is needed per label"
        raise Unmeasurable(f"outputs have shape {outputs}, their labels {labels}: {why}")
    return -1 if last else 1


def _largest(outputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> int:
    if outputs.dtype.kind not in "iu":
        raise Unmeasurable(f"outputs of {outputs.dtype} and their labels' shape are no classes: scores are needed")
    known = labels[labels != VOID]
    return max(int(outputs.max(initial=0)), int(known.max(initial=0)))
