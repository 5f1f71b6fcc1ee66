"""The plots are what Plotly accepts, and show what they say."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from edgerig.report import figures, view
from edgerig.results import CellResult, Cost, Results


def cells_of(results: Results, model: int, device: int) -> list[CellResult]:
    model_name, device_name = [record.model for record in results.models.values()][model], list(results.devices)[device]
    return [cell for cell in view.ordered(results) if (cell.model, cell.device) == (model_name, device_name)]


def test_plotly_accepts_every_figure(results: Results) -> None:
    drawn = [figures.tradeoff(cells_of(results, model, device)).figure for model in (0, 1) for device in (0, 1)]
    drawn += [figures.sizes(cells_of(results, 0, 0))]
    for figure in drawn:
        assert figure is not None
        assert len(go.Figure(figure).data) == len(figure["data"])  # raises ValueError for an unknown property


def test_one_trace_a_recipe_and_format(results: Results) -> None:
    figure = figures.tradeoff(cells_of(results, 0, 0)).figure
    assert figure is not None
    names = [trace["name"] for trace in figure["data"]]
    assert len(names) == len(set(names)) == 10
    looks = {trace["name"]: (trace["marker"]["color"], trace["marker"]["symbol"]) for trace in figure["data"]}
    assert len(set(looks.values())) == 10
    assert looks["int8-static · tflite"] == ("#009E73", "circle")


def test_latency_accuracy_and_size_are_placed(results: Results) -> None:
    figure = figures.tradeoff(cells_of(results, 0, 0)).figure
    assert figure is not None
    trace = figure["data"][0]
    assert (trace["x"], trace["y"], trace["marker"]["size"]) == ([0.0131], [98.5185], [155_112])
    assert trace["error_y"]["array"] == pytest.approx([0.8])
    assert trace["error_y"]["arrayminus"] == pytest.approx([1.1])


def test_an_emulated_latency_is_never_drawn(results: Results) -> None:
    cells = cells_of(results, 0, 1)
    figure = figures.tradeoff(cells).figure
    assert figure is not None
    assert "instructions" in figure["layout"]["xaxis"]["title"]["text"]
    assert figure["data"][0]["x"] == [cells[0].cost.instructions / 1e6]
    uncounted = [cell.model_copy(update={"cost": Cost(reason="not counted")}) for cell in cells]
    by_size = figures.tradeoff(uncounted).figure
    assert by_size is not None
    assert by_size["layout"]["xaxis"]["title"]["text"].startswith("size (kB")
    assert by_size["data"][0]["x"] == [155.112]


def test_relative_error_stands_in_for_a_missing_accuracy(results: Results) -> None:
    figure = figures.tradeoff(cells_of(results, 1, 0)).figure
    assert figure is not None
    assert figure["layout"]["yaxis"]["title"]["text"].startswith("relative error")
    assert "error_y" not in figure["data"][0]


def test_what_has_no_place_is_named(results: Results) -> None:
    cells = cells_of(results, 0, 0)
    untimed = cells[0].model_copy(update={"latency": None})
    assert figures.tradeoff([untimed, *cells[1:]]).left_out == (untimed,)
    nothing = figures.tradeoff([cell for cell in cells if cell.status != "ok"])
    assert (nothing.figure, nothing.left_out) == (None, ())


def test_names_are_escaped_where_plotly_reads_html(results: Results) -> None:
    figure = figures.tradeoff(cells_of(results, 0, 1)).figure
    drawn = json.dumps(figure)
    assert "<script" not in drawn
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn


def test_a_variants_size_is_shown_once(results: Results) -> None:
    figure = figures.sizes([*cells_of(results, 0, 0), *cells_of(results, 0, 1)])
    assert figure is not None
    bars = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in figure["data"]}
    assert bars["int8-static"] == {"tflite": 74.016, "executorch": 67.296}
    assert figures.sizes([cell for cell in results.cells if cell.size_bytes is None]) is None


def test_every_known_recipe_and_format_looks_different() -> None:
    assert len({figures.colour(name) for name in view.RECIPES}) == len(view.RECIPES)
    assert len({figures.symbol(name) for name in view.FORMATS}) == len(view.FORMATS)
    assert figures.colour("nobody-declared-this") in figures.PALETTE


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.012, 0.06], [0.01, 0.02, 0.03, 0.04, 0.05, 0.07]),
        ([1.0], [0.8, 1, 1.2]),
        ([2e-7, 0.03], [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]),
        ([], []),
    ],
)
def test_log_ticks_are_few_and_round(values: list[float], ticks: list[float]) -> None:
    assert figures.log_ticks(values) == pytest.approx(ticks)
