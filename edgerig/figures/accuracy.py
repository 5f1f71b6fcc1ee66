"""How good the answers are, by the model's first metric; the others have columns and fields of the same form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from edgerig.figures import metric
from edgerig.figures.column import Column
from edgerig.figures.field import Field, Value, real, text
from edgerig.figures.figure import Certainty, Change, Figure, Limit, Trend
from edgerig.figures.numbers import MISSING, significant

if TYPE_CHECKING:
    from edgerig.results import Accuracy, CellResult

Which = Callable[["CellResult"], "Accuracy | None"]
NOT_ITS_METRIC = "not a metric of this model"


def fields_of(prefix: str, get: Which, *, shown: bool = False) -> tuple[Field, ...]:
    """A metric's fields; unit, direction and samples are those of a metric, and None where there is none."""

    def end(which: Literal[0, 1]) -> Callable[[CellResult], float | None]:
        return lambda c: None if (found := get(c)) is None or found.ci95 is None else found.ci95[which]

    def known(value: Callable[[Accuracy], Value]) -> Callable[[CellResult], Value]:
        return lambda c: None if (found := get(c)) is None or found.metric is None else value(found)

    return (
        real(prefix, lambda c: found.value if (found := get(c)) else None, shown=shown),
        Field(f"{prefix}_unit", "text", known(lambda found: found.unit), shown=shown),
        Field(f"{prefix}_higher_is_better", "bool", known(lambda found: found.higher_is_better), shown=shown),
        real(f"{prefix}_ci95_low", end(0)),
        real(f"{prefix}_ci95_high", end(1)),
        Field(f"{prefix}_samples", "int", known(lambda found: found.samples)),
        text(f"{prefix}_reason", lambda c: found.reason if (found := get(c)) else ""),
    )


def fields_of_metric(name: str) -> tuple[Field, ...]:
    """The fields of a metric beside the model's first, `metric_<name>…`, as `accuracy…` has them."""
    return fields_of(f"metric_{name}", lambda c: metric.others(c).get(name))


def _column(key: str, header: str, get: Which, written: Callable[[Accuracy], str], reason: str = "") -> Column:
    def sort(cell: CellResult) -> float | None:
        found = get(cell)
        return None if found is None or found.value is None else metric.shown(found, found.value)

    def better(cell: CellResult) -> str:
        found = get(cell)
        return "" if found is None or found.value is None else "higher" if found.higher_is_better else "lower"

    return Column(
        key,
        header,
        lambda cell: MISSING if (found := get(cell)) is None else written(found),
        sort,
        numeric=True,
        reason=lambda cell: reason if (found := get(cell)) is None else found.reason,
        better=better,
        heat="difference",
        hover=True,
        label=header,
    )


def column_of_metric(name: str) -> Column:
    """A metric beside the model's first; a model that has it not says so."""

    def written(found: Accuracy) -> str:
        value = metric.written(found)
        return value if found.value is None else f"{value} {metric.ARROWS[found.higher_is_better]}"

    column = _column(
        f"{metric.OF}{name}", metric.title(name), lambda c: metric.others(c).get(name), written, NOT_ITS_METRIC
    )
    return replace(column, asked=lambda cell: name in metric.others(cell))


def interval(cell: CellResult) -> str:
    """The 95 % interval of the accuracy, in the accuracy's unit."""
    ends = cell.accuracy.ci95
    return MISSING if ends is None else "–".join(significant(metric.shown(cell.accuracy, end)) for end in ends)


INTERVAL = Column(
    "interval",
    "95 % interval",
    interval,
    lambda c: c.accuracy.ci95[0] if c.accuracy.ci95 else None,
    numeric=True,
    reason=lambda c: c.accuracy.reason,
    usual=False,
    beside=True,
    hover=True,
    label="95 % interval",
)

ACCURACY = Figure(
    key="accuracy",
    name="accuracy",
    unit="",
    value=lambda c: c.accuracy.value,
    reason=lambda c: c.accuracy.reason,
    field="accuracy",
    fields=(
        text("accuracy_metric", lambda c: metric.key(c.accuracy) or None, shown=True),
        *fields_of("accuracy", lambda c: c.accuracy, shown=True),
    ),
    group="quality",
    better="",
    shown="usual",
    headline=True,
    columns=(_column("accuracy", "accuracy", lambda c: c.accuracy, metric.named), INTERVAL),
    certainty=Certainty("accuracy"),
    change=Change(
        minimum=0.01,
        relative=False,
        note="on the same samples: McNemar's exact test, and Bonett and Price's interval of the change.",
    ),
    limit=Limit("accuracy", "share", "with an accuracy below {}", "an accuracy of {}"),
    trend=Trend("accuracy", exact=True, minimum=0.005, belongs="data", without="", digits=4),
    notes=(
        (
            "Accuracy",
            "the model's first metric, on the device itself, with its 95 % interval; further metrics have columns of "
            "their own. ↑: the higher the better, ↓: the lower the better. Where two intervals overlap widely, this "
            "data does not show a difference.",
        ),
    ),
)


def of_metric(name: str) -> Figure:
    """The figure of a metric beside the model's first, by its key: what a comparison calls it and how it words it."""
    return replace(ACCURACY, key=f"{metric.OF}{name}", name=metric.title(name), limit=None, trend=None, notes=())
