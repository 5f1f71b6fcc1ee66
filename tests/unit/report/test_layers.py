"""What a variant's layers lose, as a page: the line over depth, the suspect, and nothing that could run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from edgerig.report.layers import html, view
from edgerig.results.layers import Advice, LayerReport, LayerResult


def layer(depth: int, sqnr: float | None, **more: object) -> LayerResult:
    known = {"name": f"op{depth:02}_CONV_2D", "operator": "CONV_2D", "kind": "convolution", "drop_db": 1.0}
    return LayerResult.model_validate({"depth": depth, "sqnr_db": sqnr, **known, **more})


def report(*layers: LayerResult, suspect: int | None = None, first: int | None = None) -> LayerReport:
    return LayerReport(
        variant="net-torch-tflite-int8-static",
        format="tflite",
        recipe="int8-static",
        sha256="ab" * 32,
        method="made up",
        samples=4,
        seconds=1.5,
        threshold_db=20.0,
        layers=layers,
        first_below=first,
        suspect=suspect,
        advice=(Advice(remedy="equalize", text="equalize <it>", evidence="channels differ"),),
    )


LAYERS = (
    layer(0, 200.0, name="image", operator="INPUT", drop_db=None),
    layer(1, 40.0, weights_sqnr_db=45.0),
    layer(2, 8.0, fused=("op03_RELU",), channels=32, dead_channels=2, saturated_channels=1, outside=0.02),
    layer(3, None),
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page(found: LayerReport) -> tuple[str, Tags]:
    text, tags = html.render(found).decode(), Tags()
    tags.feed(text)
    return text, tags


def test_the_page_shows_the_line_and_marks_the_suspect() -> None:
    text, tags = page(report(*LAYERS, suspect=2, first=2))
    assert "op02_CONV_2D + op03_RELU loses most" in text
    circles = [attributes for tag, attributes in tags.found if tag == "circle"]
    assert [each.get("class") for each in circles] == ["weights", None, None, "suspect"]
    assert "2 dead, 1 saturated of 32" in text
    assert view.outside(LAYERS[2]) in text
    line = next(attributes["points"] for tag, attributes in tags.found if tag == "polyline")
    heights = [float(point.split(",")[1]) for point in line.split()]
    assert heights == sorted(heights)  # further down is worse


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    text, tags = page(report(layer(0, 30.0, name="<script>alert(1)</script>")))
    assert not [tag for tag, _ in tags.found if tag in ("script", "iframe", "object")]
    assert "equalize &lt;it&gt;" in text
    assert re.search(r"default-src 'none'", text)


@pytest.mark.parametrize(
    ("suspect", "first", "said"),
    [(2, 1, "loses most"), (None, 1, "op01_CONV_2D is the first under"), (None, None, "no layer is under 20 dB")],
)
def test_the_headline_says_what_was_found(suspect: int | None, first: int | None, said: str) -> None:
    assert said in view.headline(report(*LAYERS, suspect=suspect, first=first))


def test_what_is_far_below_stays_in_the_drawing() -> None:
    chart = view.chart(report(layer(0, -200.0), layer(1, 30.0)))
    assert all(view.TOP <= point.y <= view.HEIGHT - view.BOTTOM for point in chart.points)
    assert all(view.LEFT <= point.x <= view.WIDTH for point in chart.points)


def test_words_of_figures() -> None:
    assert [view.decibels(each) for each in (None, 200.0, 3.14159)] == ["", "exact", "3.1"]
    assert [view.kind(each) for each in LAYERS[:2]] == ["input", "convolution"]
    assert view.outside(layer(0, 1.0, outside=1e-5)) == ""
    assert view.channels(LAYERS[1]) == ""


def test_a_report_without_layers_is_a_page() -> None:
    assert "no layer is under 20 dB" in page(report())[0]
