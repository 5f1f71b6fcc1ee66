"""What is shown of layers: words for their figures, and the line over depth as coordinates. Pure; nothing escapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgerig.figures import numbers
from edgerig.measure.layers import INPUT
from edgerig.results.layers import EXACT_DB, LayerReport, LayerResult

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960.0, 300.0, 48.0, 28.0, 12.0
"""Of the drawing, in its own units."""
TICK_DB = 10
MOST_DB = 60.0
"""Drawn: what is better is at the top."""
SHOWN_OUTSIDE = 1e-4
"""A smaller share of values beyond the calibrated range is not worth a look."""
MARKS = {"suspect": "suspect", "first": "first under the threshold"}


@dataclass(frozen=True)
class Point:
    """A layer in the drawing; `text` is what it says when it is pointed at."""

    x: float
    y: float
    text: str
    suspect: bool


@dataclass(frozen=True)
class Chart:
    """`line` joins the points of activations, in SVG's words; `ticks` are heights with their dB."""

    line: str
    points: tuple[Point, ...]
    weights: tuple[Point, ...]
    threshold: float
    ticks: tuple[tuple[float, str], ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    bottom: float = HEIGHT - BOTTOM


def chart(found: LayerReport) -> Chart:
    """SQNR over depth."""
    low = min([0.0, *(each.sqnr_db for each in found.layers if each.sqnr_db is not None)])
    low = max(low, -MOST_DB)

    def height(sqnr: float) -> float:
        share = (min(max(sqnr, low), MOST_DB) - low) / (MOST_DB - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    points = tuple(_points(found, height, lambda layer: layer.sqnr_db, "SQNR"))
    first = int(low // TICK_DB) * TICK_DB
    return Chart(
        line=" ".join(f"{point.x},{point.y}" for point in points),
        points=points,
        weights=tuple(_points(found, height, lambda layer: layer.weights_sqnr_db, "weights")),
        threshold=height(found.threshold_db),
        ticks=tuple((height(db), f"{db}") for db in range(max(first, int(low)), int(MOST_DB) + 1, TICK_DB)),
    )


def _points(
    found: LayerReport,
    height: Callable[[float], float],
    value: Callable[[LayerResult], float | None],
    what: str,
) -> Iterable[Point]:
    step = (WIDTH - LEFT - BOTTOM) / max(len(found.layers) - 1, 1)
    for layer in found.layers:
        sqnr = value(layer)
        if sqnr is not None:
            text = f"{layer.depth}: {name(layer)}: {what} {decibels(sqnr)} dB"
            yield Point(round(LEFT + layer.depth * step, 1), height(sqnr), text, layer.depth == found.suspect)


def headline(found: LayerReport) -> str:
    if found.suspect is not None:
        return f"{name(found.layers[found.suspect])} loses most"
    if found.first_below is not None:
        return f"no layer loses much, {name(found.layers[found.first_below])} is the first under the threshold"
    return f"no layer is under {found.threshold_db:g} dB"


def mark(layer: LayerResult, found: LayerReport) -> str:
    """What stands beside a layer in a table, "" for most."""
    if layer.depth == found.suspect:
        return MARKS["suspect"]
    return MARKS["first"] if layer.depth == found.first_below else ""


def name(layer: LayerResult) -> str:
    return " + ".join((layer.name, *layer.fused))


def kind(layer: LayerResult) -> str:
    return "input" if layer.operator == INPUT else layer.kind


def decibels(value: float | None) -> str:
    if value is None:
        return ""
    return "exact" if value >= EXACT_DB else f"{value:.1f}"


def outside(layer: LayerResult) -> str:
    """The share of values beyond the calibrated range, where it is worth a look."""
    return "" if (layer.outside or 0.0) < SHOWN_OUTSIDE else numbers.percent(layer.outside or 0.0)


def channels(layer: LayerResult) -> str:
    """What is wrong with some of them, "" where nothing is."""
    parts = []
    if layer.dead_channels:
        parts.append(f"{layer.dead_channels} dead")
    if layer.saturated_channels:
        parts.append(f"{layer.saturated_channels} saturated")
    return f"{', '.join(parts)} of {layer.channels}" if parts else ""
