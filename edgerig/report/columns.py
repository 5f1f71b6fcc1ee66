"""The columns of the cell table, in whatever language it is written. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgerig.measure.figure import NO_AGREEMENT
from edgerig.report import metric
from edgerig.report.view import MISSING, duration, interval, scaled, setup, significant
from edgerig.results import Accuracy, CellResult, Latency


@dataclass(frozen=True)
class Column:
    """A column of the cell table. `sort` gives the value to order by, None for a cell that has no place in the
    order (not measured, or an emulated latency, which must never be ranked with real ones).

    `usual`: the page shows it until the reader chooses; the Markdown table has every column.
    `better`: which way is better where that is the cell's to say, "higher", "lower" or "". `asked`: is it a figure the
    cell was to have?
    """

    key: str
    header: str
    text: Callable[[CellResult], str]
    sort: Callable[[CellResult], float | str | None]
    numeric: bool = False
    reason: Callable[[CellResult], str] = lambda cell: ""
    usual: bool = True
    better: Callable[[CellResult], str] | None = None
    asked: Callable[[CellResult], bool] = lambda cell: True


def _latency(key: str, header: str, get: Callable[[Latency], float], *, usual: bool) -> Column:
    def text(cell: CellResult) -> str:
        if cell.latency is None:
            return MISSING
        return duration(get(cell.latency)) + (" (emulated)" if cell.emulated else "")

    def sort(cell: CellResult) -> float | None:
        return None if cell.latency is None or cell.emulated else get(cell.latency)

    def reason(cell: CellResult) -> str:
        if cell.latency is not None:
            return "emulated: not comparable with a real device's" if cell.emulated else ""
        return "an emulator's clock is no latency" if cell.emulated else "not timed"

    return Column(key, header, text, sort, numeric=True, reason=reason, usual=usual)


def _number(
    key: str,
    header: str,
    get: Callable[[CellResult], float | None],
    reason: Callable[[CellResult], str] = lambda cell: "",
) -> Column:
    return Column(key, header, lambda cell: significant(get(cell)), get, numeric=True, reason=reason)


def _share(
    key: str, header: str, get: Callable[[CellResult], float | None], reason: Callable[[CellResult], str]
) -> Column:
    return Column(key, header, lambda cell: percent(get(cell)), get, numeric=True, reason=reason)


def _name(key: str, header: str, get: Callable[[CellResult], str], *, usual: bool = True) -> Column:
    return Column(key, header, get, get, usual=usual)


def _accuracy(key: str, header: str, get: Callable[[CellResult], Accuracy], text: Callable[[Accuracy], str]) -> Column:
    def sort(cell: CellResult) -> float | None:
        found = get(cell)
        return None if found.value is None else metric.shown(found, found.value)

    def better(cell: CellResult) -> str:
        found = get(cell)
        return "" if found.value is None else "higher" if found.higher_is_better else "lower"

    return Column(
        key,
        header,
        lambda cell: text(get(cell)),
        sort,
        numeric=True,
        reason=lambda cell: get(cell).reason,
        better=better,
    )


def _metric(name: str) -> Column:
    """A metric beside the model's first; a model that has it not says so."""
    absent = Accuracy(reason="not a metric of this model")

    def text(accuracy: Accuracy) -> str:
        found = metric.written(accuracy)
        return found if accuracy.value is None else f"{found} {metric.ARROWS[accuracy.higher_is_better]}"

    column = _accuracy(f"metric {name}", name, lambda cell: metric.others(cell).get(name, absent), text)
    return replace(column, asked=lambda cell: name in metric.others(cell))


def percent(share: float | None) -> str:
    return MISSING if share is None else f"{significant(100 * share)} %"


def _error(cell: CellResult) -> str:
    """With the worst output's name where there are several."""
    error = significant(cell.parity.relative_error)
    several = len(cell.parity.outputs) > 1 and bool(cell.parity.relative_error)
    return f"{error} ({cell.parity.worst})" if several and cell.parity.worst else error


def _no_agreement(cell: CellResult) -> str:
    return cell.parity.reason or NO_AGREEMENT


def _no_coverage(cell: CellResult) -> str:
    return cell.coverage.reason or "nothing was calibrated"


def _delegation(cell: CellResult) -> str:
    found = cell.delegation
    return MISSING if found.delegated is None or found.total is None else f"{found.delegated}/{found.total}"


def _delegated_share(cell: CellResult) -> float | None:
    found = cell.delegation
    return found.delegated / found.total if found.delegated is not None and found.total else None


COLUMNS: tuple[Column, ...] = (
    _name("model", "model", lambda c: c.model),
    _name("source", "source", lambda c: c.source),
    _name("format", "format", lambda c: c.format),
    _name("recipe", "recipe", lambda c: c.recipe),
    Column("threads", "threads", lambda c: str(c.threads), lambda c: c.threads, numeric=True),
    Column("setup", "setup", setup, lambda c: setup(c) or None),
    _name("status", "status", lambda c: c.status),
    _number("size", "size (kB)", lambda c: scaled(c.size_bytes, 1e3), lambda c: "no file was built"),
    _latency("p50", "p50", lambda latency: latency.p50_ms, usual=True),
    _latency("p90", "p90", lambda latency: latency.p90_ms, usual=False),
    Column(
        "instructions",
        "instructions",
        lambda c: MISSING if c.cost.instructions is None else f"{c.cost.instructions:,}",
        lambda c: c.cost.instructions,
        numeric=True,
        reason=lambda c: c.cost.reason,
    ),
    _accuracy("accuracy", "accuracy", lambda c: c.accuracy, metric.named),
    Column(
        "interval",
        "95 % interval",
        interval,
        lambda c: c.accuracy.ci95[0] if c.accuracy.ci95 else None,
        numeric=True,
        reason=lambda c: c.accuracy.reason,
        usual=False,
    ),
    Column(
        "error",
        "relative error",
        _error,
        lambda c: c.parity.relative_error,
        numeric=True,
        reason=lambda c: c.parity.reason,
    ),
    _share("agreement", "agreement with float", lambda c: c.parity.agreement, _no_agreement),
    _share("outside", "outside calibration", lambda c: c.coverage.outside, _no_coverage),
    replace(
        _share("delegated", "delegated", _delegated_share, lambda c: c.delegation.reason), text=_delegation, usual=False
    ),
    replace(
        _number(
            "memory", "peak memory (MB)", lambda c: scaled(c.memory.peak_rss_bytes, 1e6), lambda c: c.memory.reason
        ),
        usual=False,
    ),
    _name("verdict", "verdict", lambda c: c.verdict.label if c.verdict else MISSING),
)
"""The cell table of every readable report, left to right; `columns` adds what a run's own metrics need."""

SOMETIMES = ("setup", "agreement", "outside")
"""Columns that many runs have for no cell, and are then left out."""


def columns(cells: Sequence[CellResult]) -> tuple[Column, ...]:
    """The columns of a table of `cells`: a column more for each metric that is not its model's first."""
    found: list[Column] = []
    for column in COLUMNS:
        if column.key not in SOMETIMES or any(column.sort(cell) is not None for cell in cells):
            found.append(column)
        if column.key == "interval":
            found += [_metric(name) for name in metric.further(cells)]
    return tuple(found)
