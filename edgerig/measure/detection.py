"""COCO's mean average precision of boxes. Pure.

As pycocotools' `COCOeval` computes it (https://github.com/cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py), of
boxes of any size and at most 100 a picture and class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerig.measure.metrics import Evidence, Given, Interval, Scores, Unmeasurable, bootstrap
from edgerig.measure.ragged import Ragged

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
WORK = 5e7
"""Detections times thresholds times resamples of an interval, about ten seconds'."""
FEWEST, MANY = 200, 500
"""Resamples, in which whatever follows the matching is done anew."""
_EPSILON = np.spacing(1)


@dataclass(frozen=True)
class _Class:
    """All detections of a class, by falling score: their pictures (D,), which count as right and which as wrong
    (thresholds, D); and how many boxes each picture has of it (N,)."""

    picture: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]
    wanted: Scores


def coco_map(evidence: Evidence) -> tuple[float, Interval]:
    """AP: precision over 101 recalls, 10 overlaps from 0.5 to 0.95 and the labels' classes, the mean of all.

    Detections are boxes (N, D, 4) as x1, y1, x2, y2, scores (N, D) and classes (N, D), or one output (N, D, 6) of all
    three; a score of 0 or less is none. A label is x1, y1, x2, y2, class and, if given, whether it is a crowd (1).
    """
    found = _detections(evidence.outputs)
    labels = [_labels(one) for one in evidence.targets]
    classes = [each for each in (_class(name, found, labels) for name in _names(labels)) if each.wanted.any()]
    if not classes:
        raise Unmeasurable("no label is a box that counts")
    work = len(THRESHOLDS) * max(1, sum(len(each.picture) for each in classes))

    def statistic(weights: Scores) -> Scores:
        return np.array([_mean_precision(classes, row) for row in weights])

    whole = float(_mean_precision(classes, np.ones(len(labels))))
    return whole, bootstrap(statistic, len(labels), int(min(MANY, max(FEWEST, WORK / work))))


def _detections(outputs: Sequence[Given]) -> list[Scores]:
    """Per picture (D, 6), those that are any."""
    if not all(isinstance(each, Ragged | np.ndarray) for each in outputs):
        rows = []
    elif len(outputs) == 1:
        rows = [np.asarray(one, np.float64) for one in outputs[0]]
    else:
        rows = [
            np.column_stack([np.asarray(boxes, np.float64), np.ravel(scores), np.ravel(classes)])
            for boxes, scores, classes in zip(*outputs, strict=True)
            if np.ndim(boxes) == 2 and np.size(scores) == np.size(classes) == len(boxes)
        ]
    if len(rows) != len(outputs[0]) or any(row.ndim != 2 or row.shape[1] != 6 for row in rows):
        raise Unmeasurable(
            "outputs are no detections: boxes (N, D, 4), scores (N, D) and classes (N, D), or one (N, D, 6), are "
            "needed; a postprocess function can make them"
        )
    return [row[row[:, 4] > 0] for row in rows]


def _labels(label: npt.NDArray[Any] | str) -> Scores:
    found = np.zeros(0) if isinstance(label, str) else np.asarray(label, np.float64)
    if found.ndim != 2 or found.shape[1] not in (5, 6):
        raise Unmeasurable(f"a label of shape {found.shape} is no list of boxes: x1, y1, x2, y2, class is needed")
    return found if found.shape[1] == 6 else np.column_stack([found, np.zeros(len(found))])


def _names(labels: Sequence[Scores]) -> list[float]:
    return sorted({float(name) for one in labels for name in one[:, 4]})


def _class(name: float, found: Sequence[Scores], labels: Sequence[Scores]) -> _Class:
    pictures, scores, right, wrong = [], [], [], []
    wanted = np.zeros(len(labels))
    for place, (own, label) in enumerate(zip(found, labels, strict=True)):
        boxes = label[label[:, 4] == name]
        boxes = boxes[np.argsort(boxes[:, 5], kind="stable")]  # crowds last
        seen = own[own[:, 5] == name]
        seen = seen[np.argsort(-seen[:, 4], kind="stable")][:MOST]
        wanted[place] = np.count_nonzero(boxes[:, 5] == 0)
        met, passed_over = _matched(seen, boxes)
        pictures.append(np.full(len(seen), place))
        scores.append(seen[:, 4])
        right.append(met & ~passed_over)
        wrong.append(~met & ~passed_over & (_areas(seen) >= 0))  # a box turned inside out is none, as there
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _Class(
        np.concatenate(pictures)[order],
        np.concatenate(right, axis=1)[:, order],
        np.concatenate(wrong, axis=1)[:, order],
        wanted,
    )


def _matched(seen: Scores, boxes: Scores) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether each detection meets a box at each threshold, and whether that is a crowd; both (thresholds, D).

    A detection, the most certain first, takes the box it overlaps most of those not taken; a crowd is taken by any
    number, and only where no box is.
    """
    overlaps, crowd = _overlaps(seen, boxes), boxes[:, 5] > 0
    met, passed_over = (np.zeros((len(THRESHOLDS), len(seen)), bool) for _ in range(2))
    if not len(boxes):
        return met, passed_over
    taken = np.zeros((len(THRESHOLDS), len(boxes)), bool)
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    rows = np.arange(len(THRESHOLDS))
    for place, own in enumerate(overlaps):
        free = (own >= least) & (~taken | crowd)
        free &= ~crowd | ~(free & ~crowd).any(axis=1, keepdims=True)
        # Of equal overlaps the last one is taken, as there.
        best = len(boxes) - 1 - np.where(free, own, -1.0)[:, ::-1].argmax(axis=1)
        met[:, place] = free.any(axis=1)
        passed_over[:, place] = met[:, place] & crowd[best]
        taken[rows[met[:, place]], best[met[:, place]]] = True
    return met, passed_over


def _areas(boxes: Scores) -> Scores:
    found: Scores = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    return found


def _overlaps(seen: Scores, boxes: Scores) -> Scores:
    """Intersection over union, over the detection's own area where the box is a crowd; (D, boxes)."""
    low = np.maximum(seen[:, None, :2], boxes[None, :, :2])
    high = np.minimum(seen[:, None, 2:4], boxes[None, :, 2:4])
    both = np.clip(high - low, 0, None).prod(axis=2)
    own, theirs = _areas(seen), _areas(boxes)
    union = np.where(boxes[None, :, 5] > 0, own[:, None], own[:, None] + theirs[None, :] - both)
    found: Scores = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return found


def _mean_precision(classes: Sequence[_Class], weights: Scores) -> float:
    """With each picture counted as often as `weights` says; NaN where none of its boxes is left."""
    found = list(_precisions(classes, weights))
    return float(np.mean(found)) if found else float("nan")


def _precisions(classes: Sequence[_Class], weights: Scores) -> Iterator[float]:
    for each in classes:
        wanted = float(weights @ each.wanted)
        if not wanted:
            continue
        own = weights[each.picture]
        right, wrong = (np.cumsum(mask * own, axis=1) for mask in (each.right, each.wrong))
        precision = right / (right + wrong + _EPSILON)
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        total = 0.0
        for recall, row in zip(right / wanted, precision, strict=True):
            places = np.searchsorted(recall, RECALLS, side="left")
            total += float(row[places[places < len(row)]].sum())
        yield total / (len(THRESHOLDS) * len(RECALLS))
