"""Metrics of points: key points of a pose, a hand, a face. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgerig.measure.metrics import Evidence, Interval, Scores, Unmeasurable, array_of, ratio

ALPHA = 0.2
"""Of the larger side of the box around a sample's labelled points."""


def landmark_error(evidence: Evidence) -> tuple[float, Interval]:
    """Mean Euclidean distance between a point and where it should be, over all visible points, in the labels' unit."""
    distances, visible, _ = _distances(evidence)
    return ratio((distances * visible).sum(axis=1), visible.sum(axis=1))


def pck(evidence: Evidence) -> tuple[float, Interval]:
    """Percentage of correct key points, PCK@0.2: the share of visible points within 0.2 times the larger side of the
    box around the sample's points (Yang and Ramanan, IEEE TPAMI 35(12), 2013, 5.1)."""
    distances, visible, size = _distances(evidence)
    return ratio(((distances <= ALPHA * size[:, None]) & visible).sum(axis=1), visible.sum(axis=1))


def _distances(evidence: Evidence) -> tuple[Scores, npt.NDArray[np.bool_], Scores]:
    """Of each point of each sample, whether it is visible, both (N, points), and each sample's box's larger side.

    Labels are (N, points, axes), or with whether a point is visible (above 0) behind its axes, as COCO's key points.
    """
    labels = array_of(evidence.targets).astype(np.float64)
    found = array_of(evidence.outputs[0]).astype(np.float64)
    if labels.ndim == 2 and labels.shape[1] % 2 == 0:  # x and y in turn
        labels = labels.reshape(len(labels), -1, 2)
    if labels.ndim != 3 or labels.shape[2] not in (2, 3):
        raise Unmeasurable(f"labels of shape {labels.shape} are no points: (N, points, 2 or 3) is needed")
    points = labels.shape[1]
    axes = found[0].size // points
    if found[0].size != points * axes or axes not in (2, labels.shape[2]):
        raise Unmeasurable(f"outputs of shape {found.shape} are not the {points} points of the labels")
    found = found.reshape(len(found), points, axes)
    visible = np.ones(labels.shape[:2], np.bool_)
    if labels.shape[2] > axes:
        visible = labels[:, :, 2] > 0
    wanted = labels[:, :, :axes]
    if not visible.any():
        raise Unmeasurable("no point of any sample is visible")
    low = np.where(visible[:, :, None], wanted, np.inf).min(axis=1)
    high = np.where(visible[:, :, None], wanted, -np.inf).max(axis=1)
    distances: Scores = np.sqrt(((found - wanted) ** 2).sum(axis=2))
    return distances, visible, (high - low).max(axis=1)
