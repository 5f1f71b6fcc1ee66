"""What an accuracy's number means: its unit, and how much of it was lost. Pure."""

from __future__ import annotations

import math

from edgerig.results import Accuracy

POINTS = ("auc", "reconstruction_auc")
"""Metrics between 0 and 1 that are no shares of samples: not shown in percent, but a point is 0.01 of them as well."""


def is_share(accuracy: Accuracy) -> bool:
    return accuracy.unit == "fraction"


def shown(accuracy: Accuracy, value: float) -> float:
    """`value`, in the metric's own scale, as it is to be read: a share in percent."""
    return 100 * value if is_share(accuracy) else value


def suffix(accuracy: Accuracy) -> str:
    """The unit behind a value, with its space."""
    unit = "%" if is_share(accuracy) else accuracy.unit
    return f" {unit}" if unit else ""


def goodness(accuracy: Accuracy) -> float:
    """A number that is the larger the better the accuracy is; the least of all for one that is unknown."""
    if accuracy.value is None:
        return -math.inf
    return accuracy.value if accuracy.higher_is_better else -accuracy.value


def lost_points(accuracy: Accuracy, reference: Accuracy) -> float | None:
    """How much worse than `reference` the accuracy is, in points; negative when it is better, None when unknown.

    A point is 0.01 of a share or an area. Of any other metric, an error of 3.2 say, it is 1 % of the reference.
    """
    if accuracy.value is None or reference.value is None or accuracy.metric != reference.metric:
        return None
    worse = goodness(reference) - goodness(accuracy)
    if is_share(accuracy) or accuracy.metric in POINTS:
        return 100 * worse
    if reference.value == 0:
        return 0.0 if worse == 0 else math.copysign(math.inf, worse)
    return 100 * worse / abs(reference.value)
