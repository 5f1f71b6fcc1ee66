"""The plots, as the JSON objects Plotly draws (`{"data": […], "layout": {…}}`). Pure; colours of the page's theme
(text, grid) are added by the page.

Plotly reads HTML in names, hover texts and titles, so every text from outside is escaped here as well.
"""

from __future__ import annotations

import hashlib
import html
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgerig.report import view
from edgerig.results import CellResult

Figure = dict[str, Any]

PALETTE = ("#999999", "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#F0E442")
"""Okabe and Ito's colours, safe for colour-blind readers, black replaced by grey to show on dark; as `view.RECIPES`."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star")
"""As `view.FORMATS`."""
_LARGEST_PX = 34
_MOST_TICKS = 8
_LOG_MARGIN = 1.3
_MANTISSAS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,))
"""Where in a decade an axis may be labelled, finest first."""


@dataclass(frozen=True)
class Axis:
    title: str
    value: Callable[[CellResult], float | None]
    text: Callable[[CellResult], str]
    log: bool = False


def colour(recipe: str) -> str:
    return _of(recipe, view.RECIPES, PALETTE)


def symbol(format_name: str) -> str:
    return _of(format_name, view.FORMATS, SYMBOLS)


def _of(name: str, known: Sequence[str], values: Sequence[str]) -> str:
    """The value that belongs to `name`; for a name nobody declared, always the same one of the values."""
    return values[known.index(name) if name in known else zlib.crc32(name.encode()) % len(values)]


LATENCY = Axis(
    "p50 latency (ms), log scale",
    lambda c: None if c.emulated or c.latency is None else c.latency.p50_ms,
    lambda c: "",
    log=True,
)
INSTRUCTIONS = Axis(
    "million instructions per inference (emulated: no latency), log scale",
    lambda c: view.scaled(c.cost.instructions, 1e6),
    lambda c: f"{view.significant(c.cost.instructions)} instructions",
    log=True,
)
SIZE = Axis("size (kB; emulated or untimed: no latency)", lambda c: view.scaled(c.size_bytes, 1e3), lambda c: "")
ACCURACY = Axis("accuracy (%)", lambda c: view.in_unit(c.accuracy, c.accuracy.value), lambda c: "")
RELATIVE_ERROR = Axis(
    "relative error (no accuracy), log scale", lambda c: c.parity.relative_error or None, lambda c: "", log=True
)


def _uid(*names: str) -> str:
    """What Plotly knows a trace by from plot to plot, so that its place in the legend's filter stays. It makes a CSS
    selector of it, so only letters and digits will do."""
    return "t" + hashlib.sha256("/".join(names).encode()).hexdigest()[:12]


def _first_known(axes: Sequence[Axis], cells: Sequence[CellResult]) -> Axis | None:
    return next((axis for axis in axes if any(axis.value(cell) is not None for cell in cells)), None)


@dataclass(frozen=True)
class Tradeoff:
    """The trade-off plot of one model on one device. `figure` is None where nothing can be placed; `left_out` are
    the cells that ran but have no place in it."""

    figure: Figure | None
    left_out: tuple[CellResult, ...]


def tradeoff(cells: Sequence[CellResult]) -> Tradeoff:
    """Accuracy against latency, marker area by size: one trace a recipe and format, so that the legend filters.

    An emulated device's latency is never drawn: instructions take its place, or the size. Where a model has no
    accuracy, the relative error to its source takes its place.
    """
    ran = [cell for cell in cells if cell.status == "ok"]
    across = _first_known((LATENCY, INSTRUCTIONS, SIZE), ran)
    up = _first_known((ACCURACY, RELATIVE_ERROR), ran)
    if across is None or up is None:
        return Tradeoff(None, tuple(ran))
    placed = [c for c in ran if across.value(c) is not None and up.value(c) is not None]
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in placed:
        groups.setdefault((cell.recipe, cell.format), []).append(cell)
    keys = sorted(groups, key=lambda key: (view.rank(key[0], view.RECIPES), view.rank(key[1], view.FORMATS)))
    largest = max((cell.size_bytes or 0 for cell in placed), default=0) or 1
    traces = [_markers(groups[key], across, up, largest) for key in keys]
    figure = {"data": traces, "layout": _layout(_axis(across, placed), _axis(up, placed))}
    return Tradeoff(figure if placed else None, tuple(cell for cell in ran if cell not in placed))


def _axis(axis: Axis, cells: Sequence[CellResult]) -> dict[str, Any]:
    title = view.metric_title(cells[0].accuracy) if axis is ACCURACY and cells else axis.title
    drawn: dict[str, Any] = {"title": {"text": html.escape(title)}, "automargin": True}
    if not axis.log:
        return drawn
    ticks = log_ticks([value for cell in cells if (value := axis.value(cell)) is not None])
    return {**drawn, "type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers to label a logarithmic axis over `values` with: as many as there is room for.

    Plotly's own labels leave a short axis bare, or say "2" for 0.02.
    """
    known = [value for value in values if value > 0]
    if not known:
        return []
    low, high = min(known) / _LOG_MARGIN, max(known) * _LOG_MARGIN
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for mantissas in _MANTISSAS:
        ticks = [tick for decade in decades for m in mantissas if low <= (tick := float(f"{m}e{decade}")) <= high]
        if len(ticks) <= _MOST_TICKS:
            break
    return ticks


def _layout(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "xaxis": x,
        "yaxis": y,
        "hovermode": "closest",
        "uirevision": "keep",
        "showlegend": True,
        "margin": {"t": 12, "r": 12, "b": 56, "l": 64},
        "legend": {"orientation": "h", "y": -0.24, "yanchor": "top", "x": 0},
    }


def _markers(cells: Sequence[CellResult], across: Axis, up: Axis, largest: int) -> dict[str, Any]:
    recipe, format_name = cells[0].recipe, cells[0].format
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "uid": _uid(recipe, format_name),
        "name": html.escape(f"{recipe} · {format_name}"),
        "x": [across.value(cell) for cell in cells],
        "y": [up.value(cell) for cell in cells],
        "hovertext": [_hover(cell, across) for cell in cells],
        "hoverinfo": "text",
        "marker": {
            "symbol": symbol(format_name),
            "color": colour(recipe),
            "opacity": 0.85,
            "size": [cell.size_bytes or 0 for cell in cells],
            # Plotly's rule for areas: sizeref = 2 * largest value / (largest marker in px) ** 2.
            "sizemode": "area",
            "sizeref": 2 * largest / _LARGEST_PX**2,
            "sizemin": 5,
        },
    }
    if up is ACCURACY and all(cell.accuracy.ci95 for cell in cells):
        trace["error_y"] = _error_bars(cells) | {"color": colour(recipe)}
    return trace


def _error_bars(cells: Sequence[CellResult]) -> dict[str, Any]:
    known = [(c.accuracy.value, c.accuracy.ci95) for c in cells]
    scale = 100 if cells[0].accuracy.unit == "fraction" else 1
    above = [scale * (ci95[1] - value) for value, ci95 in known if value is not None and ci95 is not None]
    below = [scale * (value - ci95[0]) for value, ci95 in known if value is not None and ci95 is not None]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 0.8, "width": 3}


def _hover(cell: CellResult, across: Axis) -> str:
    lines = [f"<b>{html.escape(view.variant(cell))}</b>", html.escape(cell.id), html.escape(view.described(cell))]
    if cell.accuracy.ci95 is not None:
        lines.append(f"95 % interval {html.escape(view.scored_interval(cell.accuracy))}")
    if cell.parity.relative_error is not None:
        lines.append(f"relative error {view.significant(cell.parity.relative_error)}")
    if across.text(cell):
        lines.append(html.escape(across.text(cell)))
    return "<br>".join(lines)


def sizes(cells: Sequence[CellResult]) -> Figure | None:
    """The size of each variant of one model, bars grouped by format, one trace a recipe; None when none was built."""
    known: dict[tuple[str, str], int] = {}
    for cell in cells:
        if cell.size_bytes is not None:
            known.setdefault((cell.recipe, cell.format), cell.size_bytes)
    if not known:
        return None
    formats = sorted({key[1] for key in known}, key=lambda name: view.rank(name, view.FORMATS))
    recipes = sorted({key[0] for key in known}, key=lambda name: view.rank(name, view.RECIPES))
    layout = _layout(
        {"type": "category", "automargin": True, "showgrid": False},
        {"title": {"text": "size (kB)"}, "automargin": True, "rangemode": "tozero"},
    )
    return {"data": [_bars(recipe, formats, known) for recipe in recipes], "layout": {**layout, "barmode": "group"}}


def _bars(recipe: str, formats: Sequence[str], known: dict[tuple[str, str], int]) -> dict[str, Any]:
    built = [(name, known[recipe, name] / 1e3) for name in formats if (recipe, name) in known]
    labels = [view.significant(size) for _, size in built]
    hovers = [f"{name} {recipe}: {label} kB" for (name, _), label in zip(built, labels, strict=True)]
    return {
        "type": "bar",
        "uid": _uid(recipe),
        "name": html.escape(recipe),
        "marker": {"color": colour(recipe)},
        "x": [html.escape(name) for name, _ in built],
        "y": [size for _, size in built],
        "text": labels,
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [html.escape(hover) for hover in hovers],
        "hoverinfo": "text",
    }
