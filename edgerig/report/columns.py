"""The columns of the cell table, in whatever language it is written. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgerig.report import metric
from edgerig.report.view import MISSING, accuracy, interval, scaled, significant
from edgerig.results import CellResult, Latency


@dataclass(frozen=True)
class Column:
    """A column of the cell table. `sort` gives the value to order by, None for a cell that has no place in the
    order (not measured, or an emulated latency, which must never be ranked with real ones)."""

    key: str
    header: str
    text: Callable[[CellResult], str]
    sort: Callable[[CellResult], float | str | None]
    numeric: bool = False
    reason: Callable[[CellResult], str] = lambda cell: ""


def _latency(key: str, header: str, get: Callable[[Latency], float]) -> Column:
    def text(cell: CellResult) -> str:
        if cell.latency is None:
            return MISSING
        return significant(get(cell.latency)) + (" (emulated)" if cell.emulated else "")

    def sort(cell: CellResult) -> float | None:
        return None if cell.latency is None or cell.emulated else get(cell.latency)

    def reason(cell: CellResult) -> str:
        if cell.latency is not None:
            return "emulated: not comparable with a real device's" if cell.emulated else ""
        return "an emulator's clock is no latency" if cell.emulated else "not timed"

    return Column(key, header, text, sort, numeric=True, reason=reason)


def _number(
    key: str,
    header: str,
    get: Callable[[CellResult], float | None],
    reason: Callable[[CellResult], str] = lambda cell: "",
) -> Column:
    return Column(key, header, lambda cell: significant(get(cell)), get, numeric=True, reason=reason)


def _name(key: str, header: str, get: Callable[[CellResult], str]) -> Column:
    return Column(key, header, get, get)


def _accuracy(cell: CellResult) -> str:
    """With the metric's name where it is not the usual one."""
    name = "" if cell.accuracy.metric in (None, "top1") or cell.accuracy.value is None else f" {cell.accuracy.metric}"
    return accuracy(cell) + name


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
    _name("status", "status", lambda c: c.status),
    _number("size", "size (kB)", lambda c: scaled(c.size_bytes, 1e3), lambda c: "no file was built"),
    _latency("p50", "p50 (ms)", lambda latency: latency.p50_ms),
    _latency("p90", "p90 (ms)", lambda latency: latency.p90_ms),
    Column(
        "instructions",
        "instructions",
        lambda c: MISSING if c.cost.instructions is None else f"{c.cost.instructions:,}",
        lambda c: c.cost.instructions,
        numeric=True,
        reason=lambda c: c.cost.reason,
    ),
    Column(
        "accuracy",
        "accuracy",
        _accuracy,
        lambda c: None if c.accuracy.value is None else metric.shown(c.accuracy, c.accuracy.value),
        numeric=True,
        reason=lambda c: c.accuracy.reason,
    ),
    Column(
        "interval",
        "95 % interval",
        interval,
        lambda c: c.accuracy.ci95[0] if c.accuracy.ci95 else None,
        numeric=True,
        reason=lambda c: c.accuracy.reason,
    ),
    _number("error", "relative error", lambda c: c.parity.relative_error, lambda c: c.parity.reason),
    Column("delegated", "delegated", _delegation, _delegated_share, numeric=True, reason=lambda c: c.delegation.reason),
    _number("memory", "peak memory (MB)", lambda c: scaled(c.memory.peak_rss_bytes, 1e6), lambda c: c.memory.reason),
    _name("verdict", "verdict", lambda c: c.verdict.label if c.verdict else MISSING),
)
"""The cell table of every readable report, left to right."""
