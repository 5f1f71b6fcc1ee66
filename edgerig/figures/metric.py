"""What an accuracy's number means: its unit, its direction, and how much of it was lost. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgerig.figures.numbers import MISSING, significant

if TYPE_CHECKING:
    from edgerig.results import Accuracy, CellResult

POINTS = ("auc", "reconstruction_auc")
"""Metrics between 0 and 1 that are no shares of samples: not shown in percent, but a point is 0.01 of them as well."""
OF = "metric "
"""Before a metric's name, in the key of a figure made for it."""
ARROWS = {True: "↑", False: "↓"}
"""By `higher_is_better`: which way a metric gets better."""


def is_share(accuracy: Accuracy) -> bool:
    return accuracy.unit == "fraction"


def shown(accuracy: Accuracy, value: float) -> float:
    """`value`, in the metric's own scale, as it is to be read: a share in percent."""
    return 100 * value if is_share(accuracy) else value


def suffix(accuracy: Accuracy) -> str:
    """The unit behind a value, with its space."""
    unit = "%" if is_share(accuracy) else accuracy.unit
    return f" {unit}" if unit else ""


def written(accuracy: Accuracy) -> str:
    """`"99.4 %"` for a share, else the number with the metric's unit."""
    if accuracy.value is None:
        return MISSING
    return significant(shown(accuracy, accuracy.value)) + suffix(accuracy)


def key(accuracy: Accuracy) -> str:
    """What tells it from the cell's other metrics, as a model asks for it: `"top1"`, `"scores=top1"`; "" for none."""
    return f"{accuracy.output}={accuracy.metric}" if accuracy.output else accuracy.metric or ""


def title(key: str) -> str:
    """A metric's key in words: `"top1"`, `"top1 of scores"`."""
    output, _, name = key.rpartition("=")
    return f"{name} of {output}" if output else name


def named(accuracy: Accuracy) -> str:
    """`"99.4 % top1 ↑"`: the value, what it is of, and which way it gets better."""
    if accuracy.value is None:
        return MISSING
    return f"{written(accuracy)} {title(key(accuracy))} {ARROWS[accuracy.higher_is_better]}"


def directed(accuracy: Accuracy) -> str:
    """The metric's name, which says where the lower is the better: `"mse (lower is better)"`."""
    return f"{title(key(accuracy))}{'' if accuracy.higher_is_better else ' (lower is better)'}"


def with_name(accuracy: Accuracy) -> str:
    """The same in a sentence: `"99.4 % top1"`, `"0.0123 mse (lower is better)"`."""
    return f"{written(accuracy)} {directed(accuracy)}"


def others(cell: CellResult) -> dict[str, Accuracy]:
    """The cell's metrics beside its first one, by key."""
    return {name: found for name, found in cell.metrics.items() if name != key(cell.accuracy)}


def further(cells: Iterable[CellResult]) -> list[str]:
    """Keys of all metrics that are not their model's first, in the order they are met."""
    return list(dict.fromkeys(name for cell in cells for name in others(cell)))


def goodness(accuracy: Accuracy) -> float:
    """A number that is the larger the better the accuracy is; the least of all for one that is unknown."""
    if accuracy.value is None:
        return -math.inf
    return accuracy.value if accuracy.higher_is_better else -accuracy.value


def lost_points(accuracy: Accuracy, reference: Accuracy) -> float | None:
    """How much worse than `reference` the accuracy is, in points; negative when it is better, None when unknown.

    A point is 0.01 of a share or an area. Of any other metric, an error of 3.2 say, it is 1 % of the reference.
    """
    if accuracy.value is None or reference.value is None or key(accuracy) != key(reference):
        return None
    worse = goodness(reference) - goodness(accuracy)
    if is_share(accuracy) or accuracy.metric in POINTS:
        return 100 * worse
    if reference.value == 0:
        return 0.0 if worse == 0 else math.copysign(math.inf, worse)
    return 100 * worse / abs(reference.value)
