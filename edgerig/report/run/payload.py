"""The cells as the page's script reads them: by column, texts and numbers said once. Pure.

A page of 24,000 cells must open at once and stay small, so a text stands once in its column's `texts` and is meant by
its place (`at`, one per cell), and a number has no more digits than a plot shows. The script puts every text on the
page as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edgerig.figures import metric, numbers
from edgerig.figures.column import Column
from edgerig.figures.verdict import kind_of
from edgerig.report.run import palette, view
from edgerig.report.run.columns import columns
from edgerig.report.run.readings import states
from edgerig.results import QUANTILE_LEVELS, CellResult, Latency, order

Json = dict[str, Any]

_DIGITS = 5
"""Significant digits of a number that is drawn or sorted by."""


def payload(cells: Sequence[CellResult], beaten: Iterable[str]) -> Json:
    """Of `cells`, in their order. `beaten` are the ids of dominated ones."""
    dominated = set(beaten)
    return {
        "ids": [cell.id for cell in cells],
        "columns": [_column(column, cells) for column in (_DEVICE, *columns(cells), _NOTE)],
        "emulated": [int(cell.emulated) for cell in cells],
        "dominated": [int(cell.id in dominated) for cell in cells],
        "accuracy": _accuracies(cells),
        "delta": _deltas(cells),
        "latency": _latencies(cells),
        "constants": _constants(cells),
        "state": _states(cells),
        "colours": {name: palette.colour(name) for name in dict.fromkeys(cell.recipe for cell in cells)},
        "symbols": {name: palette.symbol(name) for name in dict.fromkeys(cell.format for cell in cells)},
        "verdicts": _verdicts(cells),
        "order": {"format": order.FORMATS, "recipe": order.RECIPES},
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def encoded(values: Sequence[str]) -> Json:
    """`{"texts": [each once], "at": [place of each value]}`."""
    places: dict[str, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return {"texts": list(places), "at": at}


def runs(places: Sequence[int]) -> list[int]:
    """Ascending `places` as start, length, start, length, …: cells of a group mostly stand together."""
    found: list[int] = []
    for place in places:
        if found and place == found[-2] + found[-1]:
            found[-1] += 1
        else:
            found += [place, 1]
    return found


def _note(cell: CellResult) -> str:
    if cell.status != "ok":
        return view.reason(cell)
    return cell.verdict.advice if cell.verdict else ""


_TOLD_ONCE = ("device", "model", "source", "signature", "threads", "setup", "status")
"""Columns that tell cells apart, and say nothing where all have the same."""

_DEVICE = Column("device", "device", lambda cell: cell.device, lambda cell: cell.device)
_NOTE = Column("note", "reason or advice", _note, _note)


def _column(column: Column, cells: Sequence[CellResult]) -> Json:
    """`sort` is given where it is a number; text columns sort by their texts. `why` says why a number is missing,
    `better` which way is better. `usual`: shown until the reader chooses, unless it says the same of every cell.
    `heat` and `hover` say what else of the page shows it (`figures/column.py`)."""
    written: Json = {"key": column.key, "header": column.header, "numeric": column.numeric, "heat": column.heat}
    if column.hover:
        written["hover"] = [column.label, column.unit]
    written |= encoded([column.text(cell) for cell in cells])
    written["usual"] = column.usual and not _says_nothing(column, written["texts"], cells)
    if column.better is not None:
        written["better"] = encoded([column.better(cell) for cell in cells])
    if column.numeric:
        keys = [column.sort(cell) for cell in cells]
        written["sort"] = [rounded(key) if isinstance(key, float) else key for key in keys]
        why = [
            "" if key is not None or cell.status != "ok" else column.reason(cell)
            for key, cell in zip(keys, cells, strict=True)
        ]
        if any(why):
            written["why"] = encoded(why)
    return written


def _says_nothing(column: Column, texts: Sequence[str], cells: Sequence[CellResult]) -> bool:
    """Does the column tell nothing that is not told elsewhere: no cell has the figure, all have the same device, or the
    figure's own rule says so?"""
    if texts == [numbers.MISSING] or not column.telling(cells):
        return True
    return column.key in _TOLD_ONCE and len(texts) == 1


def _accuracies(cells: Sequence[CellResult]) -> Json:
    """`low` and `high` bound the 95 % interval, in the metric's unit as it is shown."""
    return {
        "metric": encoded([metric.title(metric.key(cell.accuracy)) + metric.suffix(cell.accuracy) for cell in cells]),
        "low": [_end(cell, 0) for cell in cells],
        "high": [_end(cell, 1) for cell in cells],
    }


def _end(cell: CellResult, which: int) -> float | None:
    ends = cell.accuracy.ci95
    return None if ends is None else rounded(metric.shown(cell.accuracy, ends[which]))


def _deltas(cells: Sequence[CellResult]) -> Json:
    """Against the fp32 variant beside each, on the same samples; in points."""
    return {
        "value": [_points(cell.accuracy.delta) for cell in cells],
        "low": [_points(cell.accuracy.delta_ci95[0] if cell.accuracy.delta_ci95 else None) for cell in cells],
        "high": [_points(cell.accuracy.delta_ci95[1] if cell.accuracy.delta_ci95 else None) for cell in cells],
    }


def _points(share: float | None) -> float | None:
    return None if share is None else rounded(100 * share)


def _latencies(cells: Sequence[CellResult]) -> Json:
    """`quantiles` are per mille of the median. Null where there is none, or an emulator's: never drawn."""
    drawn = [None if cell.emulated else cell.latency for cell in cells]
    return {
        "levels": QUANTILE_LEVELS,
        "quantiles": [_quantiles(latency) for latency in drawn],
        "p99": [rounded(latency.p99_ms) if latency else None for latency in drawn],
        "min": [rounded(latency.min_ms) if latency else None for latency in drawn],
        "samples": [latency.samples if latency else 0 for latency in drawn],
    }


def _quantiles(latency: Latency | None) -> list[int] | None:
    if latency is None or len(latency.quantiles_ms) != len(QUANTILE_LEVELS) or not latency.p50_ms:
        return None
    return [round(1000 * value / latency.p50_ms) for value in latency.quantiles_ms]


def _states(cells: Sequence[CellResult]) -> Json:
    found = states(cells)
    return {**found, "throttled": encoded(found["throttled"]), "reasons": encoded(found["reasons"])}


def _verdicts(cells: Sequence[CellResult]) -> Json:
    """Label → does a figure of such a cell count, and is its latency ranked?"""
    labels = sorted({cell.verdict.label for cell in cells if cell.verdict is not None})
    return {label: {"sound": kind_of(label).sound, "ranked": kind_of(label).ranked} for label in labels}


def _constants(cells: Sequence[CellResult]) -> Json:
    """Bytes of each file by the dtype of its constants, and what is left: dtype's place, bytes, dtype's place, …"""
    places: dict[str, int] = {palette.REST: 0}
    files: list[list[int] | None] = []
    for cell in cells:
        if cell.size_bytes is None or cell.build is None:
            files.append(None)
            continue
        known = {name: size for name, size in cell.build.constants.items() if size > 0}
        rest = max(0, cell.size_bytes - sum(known.values()))
        parts = [(places.setdefault(name, len(places)), size) for name, size in known.items()]
        files.append([number for part in (*parts, (0, rest)) for number in part])
    return {"dtypes": list(places), "colours": [palette.dtype_colour(name) for name in places], "bytes": files}
