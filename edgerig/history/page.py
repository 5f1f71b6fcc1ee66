"""The trends as one page that needs no network, in the reports' own dress (its style, its Plotly, its policy).

Every text is escaped by Jinja2, or by `html.escape` where Plotly reads HTML; figures travel as JSON that is not run.
"""

from __future__ import annotations

import html
import math
from typing import Any

from edgerig.history import words
from edgerig.history.trends import Trend, Trends
from edgerig.report import assets

PACKAGE = "edgerig.history"
_WIDTH, _HEIGHT = 120, 24
_MOST_TICKS = 8
_ACCENT, _FAINT, _CHANGE = "#0072B2", "#999999", "#D55E00"
"""Of Okabe and Ito's palette, as in the reports' plots."""


def render(found: Trends) -> bytes:
    """A self-contained UTF-8 HTML page."""
    shown = [trend for trend in found.trends if trend.values]
    script = assets.inlined("unpack.js") + assets.inlined("history.js", package=PACKAGE)
    page = (
        assets.environment(PACKAGE)
        .get_template("history.html.j2")
        .render(
            found=found,
            shown=shown,
            notes=words.notes(found.trends),
            words=words,
            spark=lambda trend: _spark(trend, found),
            data=assets.data([_figure(trend, found) for trend in shown]),
            plotly=assets.plotly(),
            css=assets.inlined("report.css") + assets.inlined("history.css", package=PACKAGE),
            script=script,
            policy=assets.policy(script),
        )
    )
    return page.encode("utf-8", "backslashreplace")


def _spark(trend: Trend, found: Trends) -> dict[str, str]:
    """An SVG polyline's points and the places of the changes; numbers only."""
    low, high = words.scale(trend.values, found.metric)
    step = _WIDTH / max(len(trend.values) - 1, 1)
    places = [
        f"{i * step:.1f},{_HEIGHT - 2 - (value - low) / (high - low) * (_HEIGHT - 4):.1f}"
        for i, value in enumerate(trend.values)
    ]
    runs = [point.run for point in trend.kept]
    marks = [f"{runs.index(change.run) * step:.1f}" for change in trend.changes]
    return {"line": " ".join(places), "end": places[-1], "marks": " ".join(marks)}


def _figure(trend: Trend, found: Trends) -> dict[str, Any]:
    """Points over runs, the levels between changes as steps, what was left out hollow."""
    metric = found.metric
    traces = [
        _levels(trend),
        _points(trend, trend.kept, "figure of a run", {"color": _ACCENT, "size": 8}, found),
        _points(
            trend,
            [p for p in trend.left_out if p.value is not None],
            "left out",
            {"color": _FAINT, "size": 8, "symbol": "circle-open"},
            found,
        ),
    ]
    marks = [
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": change.run, "x1": change.run, "y0": 0, "y1": 1,
            "line": {"color": _CHANGE, "width": 1.5, "dash": "dot"},
        }
        for change in trend.changes
    ]  # fmt: skip
    labelled = trend.points[:: max(1, math.ceil(len(trend.points) / _MOST_TICKS))]
    title = f"{metric.name} ({metric.unit})" if metric.unit else metric.name
    layout = {
        "xaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [point.run for point in trend.points],
            "tickvals": [point.run for point in labelled],
            "ticktext": [point.started[:10] for point in labelled],
            "automargin": True,
        },
        "yaxis": {"title": {"text": title, "standoff": 12}, "automargin": True, "range": _range(trend, found)},
        "shapes": marks,
        "hovermode": "closest",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"t": 36, "r": 12, "b": 56, "l": 64},
    }
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def _range(trend: Trend, found: Trends) -> list[float]:
    """Of all points, the left-out ones too, with a margin."""
    known = [point.value for point in trend.points if point.value is not None]
    low, high = words.scale(known, found.metric)
    margin = 0.08 * (high - low)
    return [low - margin, high + margin]


def _points(trend: Trend, points: list[Any], name: str, marker: dict[str, Any], found: Trends) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [point.run for point in points],
        "y": [point.value for point in points],
        "hovertext": [
            "<br>".join(
                html.escape(text)
                for text in (
                    f"{words.figure(point.value, found.metric)} {words.unit(found.metric)}".rstrip(),
                    words.measured(point, found.metric),
                    point.run,
                    point.started,
                    f"commit {point.commit}" if point.commit else "",
                    point.left_out,
                )
                if text
            )
            for point in points
        ],
        "hoverinfo": "text",
        "marker": marker,
    }


def _levels(trend: Trend) -> dict[str, Any]:
    """The median of each level, drawn as steps."""
    runs = [point.run for point in trend.kept]
    heights = [trend.changes[0].before if trend.changes else trend.median] * len(runs)
    for change in trend.changes:
        at = runs.index(change.run)
        heights[at:] = [change.after] * (len(runs) - at)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "median of the level",
        "x": runs,
        "y": heights,
        "line": {"color": _ACCENT, "width": 1.5, "shape": "hvh"},
        "hoverinfo": "skip",
    }
