"""A sweep's limits, figure by figure: which a cell does not keep, and the words for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edgerig import figures
from edgerig.figures import metric
from edgerig.figures.figure import Figure, Group, Limit, Number
from edgerig.figures.parity import AGREEMENT
from edgerig.figures.sustained import SUSTAINED
from edgerig.results import CellResult
from edgerig.spec import SweepBudget

COSTS: tuple[Group, ...] = ("cost", "execution", "footprint")
QUALITIES: tuple[Group, ...] = ("quality",)


def limits(budget: SweepBudget) -> Iterator[tuple[Figure, Limit, Number]]:
    """Those there are, in the order of a report's tables. Agreement is not among them: it holds where there is no
    accuracy alone (`rules`)."""
    for figure in figures.reported():
        allowed = None if figure.limit is None else budget.of(figure.limit.key)
        if figure.limit is not None and allowed is not None and figure.key != AGREEMENT.key:
            yield figure, figure.limit, allowed


def beyond(cell: CellResult, budget: SweepBudget, groups: tuple[Group, ...], *, timed: bool) -> str:
    """The first limit on a figure of `groups` that the cell does not keep, worded to follow a number of variants; ""
    where it keeps all. `timed`: its time is its own. A device that cannot have a figure is not held to it, and
    no cell to a time that is others' as well."""
    for figure, limit, allowed in limits(budget):
        if figure.group not in groups or not _applies(cell, figure, limit, timed):
            continue
        value = _value(cell, figure)
        if value is None:
            return f"without {'an' if figure.name[0] in 'aeiou' else 'a'} {figure.name} to compare"
        if value < allowed - 1e-9 if figure.better != "lower" else value > allowed:
            return limit.beyond.format(written(figure, limit, allowed))
    return _metric_beyond(cell, budget) if QUALITIES[0] in groups else ""


def _metric_beyond(cell: CellResult, budget: SweepBudget) -> str:
    """The same of the limits on metrics by their keys; a model that has not such a metric is not held to it."""
    for key, allowed in budget.metrics.items():
        found = cell.metrics.get(key)
        if found is None:
            continue
        if found.value is None:
            return f"without a {metric.title(key)} to compare"
        if found.value < allowed - 1e-9 if found.higher_is_better else found.value > allowed:
            side = "below" if found.higher_is_better else "above"
            return f"with a {metric.title(key)} {side} {allowed:.4g}"
    return ""


def _applies(cell: CellResult, figure: Figure, limit: Limit, timed: bool) -> bool:
    if figure.key == SUSTAINED.key and cell.sustained.contended:
        return False
    if limit.on == "real":
        return timed and not cell.emulated
    return limit.on == "any" or cell.emulated


def _value(cell: CellResult, figure: Figure) -> Number | None:
    """An accuracy only where it is a share of right answers: a floor says nothing of another."""
    if figure.certainty.known == "accuracy" and not (cell.accuracy.higher_is_better and metric.is_share(cell.accuracy)):
        return None
    return figure.value(cell)


def written(figure: Figure, limit: Limit, allowed: Number) -> str:
    return f"{100 * allowed:.4g} %" if limit.quantity == "share" else figure.said(allowed)


def within(budget: SweepBudget, emulated: bool) -> str:
    """`"at most 5.00 ms and a relative error of 0.100"`, behind what was chosen among; "" where nothing is limited."""
    found: dict[str, list[str]] = {}
    for figure, limit, allowed in limits(budget):
        if not (emulated and limit.on == "real"):
            words = limit.within.format(written(figure, limit, allowed))
            found.setdefault(_bound(figure), []).append(words)
    return " and ".join(f"{bound} {' and '.join(words)}" for bound, words in found.items())


def said(budget: SweepBudget) -> list[str]:
    """`"p50 at most 5.00 ms"`, a text per limit."""
    return [
        f"{figure.name} {_bound(figure)} {written(figure, limit, allowed)}" for figure, limit, allowed in limits(budget)
    ] + [f"{metric.title(key)} no worse than {allowed:.4g}" for key, allowed in budget.metrics.items()]


def _bound(figure: Figure) -> str:
    return "at most" if figure.better == "lower" else "at least"
