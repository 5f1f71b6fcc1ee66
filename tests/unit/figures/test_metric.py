from __future__ import annotations

import math

import pytest

from edgerig.figures import metric
from edgerig.results import Accuracy

SHARE = Accuracy(metric="top1", value=0.98, samples=540)
ERROR = Accuracy(metric="mse", value=2.0, unit="", higher_is_better=False)
AREA = Accuracy(metric="auc", value=0.9, unit="")


def like(accuracy: Accuracy, value: float | None) -> Accuracy:
    return accuracy.model_copy(update={"value": value})


@pytest.mark.parametrize(
    ("reference", "value", "points"),
    [
        (SHARE, 0.97, 1.0),
        (SHARE, 0.99, -1.0),
        (AREA, 0.88, 2.0),
        (ERROR, 2.1, 5.0),  # an error that grew by 5 %
        (ERROR, 1.0, -50.0),
        (like(ERROR, 0.0), 0.1, math.inf),
        (like(ERROR, 0.0), 0.0, 0.0),
    ],
)
def test_points_lost_follow_the_metrics_direction_and_scale(reference: Accuracy, value: float, points: float) -> None:
    assert metric.lost_points(like(reference, value), reference) == pytest.approx(points)


def test_different_metrics_and_unknown_values_are_not_compared() -> None:
    assert metric.lost_points(SHARE, AREA) is None
    assert metric.lost_points(like(SHARE, None), SHARE) is None


def test_the_best_is_the_smallest_error() -> None:
    assert max([ERROR, like(ERROR, 1.0), like(ERROR, None)], key=metric.goodness).value == 1.0


def test_values_are_shown_in_their_unit() -> None:
    assert (metric.shown(SHARE, 0.98), metric.suffix(SHARE)) == (98.0, " %")
    assert (metric.shown(ERROR, 2.0), metric.suffix(ERROR)) == (2.0, "")
    assert metric.suffix(Accuracy(metric="psnr", value=31.0, unit="dB")) == " dB"
