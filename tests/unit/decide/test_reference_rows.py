"""What others measured and weights that were never trained, wherever a cell of such a model is shown."""

from __future__ import annotations

import csv
import io

import pytest

from edgerig.decide.published import NOT_MEASURED, against_reference
from edgerig.report.run import csv_results, html, markdown
from edgerig.results import Results
from edgerig.spec import PublicPage, ReferenceFigure

FIGURE = ReferenceFigure(
    device="Board",
    runtime="Runtime",
    version="1.2",
    threads=2,
    recipe="fp32",
    value=4.5,
    source=PublicPage(title="A page", url="https://host/page"),
)


@pytest.fixture
def told(results: Results) -> Results:
    """`results` whose first model has a figure of somebody else's and was never trained."""
    name, record = next(iter(results.models.items()))
    changed = record.model_copy(update={"reference": (FIGURE,), "weights": "random"})
    cells = tuple(
        cell.model_copy(update={"weights": "random"}) if f"{cell.model}-{cell.source}" == name else cell
        for cell in results.cells
    )
    return results.model_copy(update={"models": {**results.models, name: changed}, "cells": cells})


def test_a_figure_stands_beside_what_was_measured_alike_and_never_beside_an_emulated_one(told: Results) -> None:
    (row,) = against_reference(told)
    assert (row.device, row.runtime, row.how, row.published) == ("Board", "Runtime 1.2", "fp32, 2 threads", "4.5 ms")
    assert "A page, https://host/page" in row.source
    real = {
        c.device for c in told.cells if c.status == "ok" and not c.emulated and f"{c.model}-{c.source}" == row.model
    }
    assert real
    assert all(f"on {device}" in row.measured for device in real)
    assert not any(f"on {c.device}" in row.measured for c in told.cells if c.emulated)
    emulated = tuple(cell.model_copy(update={"emulated": True}) for cell in told.cells)
    assert against_reference(told.model_copy(update={"cells": emulated}))[0].measured == NOT_MEASURED


def test_page_and_markdown_show_the_row_and_what_is_random(told: Results, results: Results) -> None:
    page, text = html.render(told).decode(), markdown.render(told).decode()
    for shown in (page, text):
        assert "What others measured" in shown
        assert "never ranked" in shown
        assert "random weights" in shown
    plain = markdown.render(results).decode()
    assert "What others measured" not in plain
    assert "| weights |" not in plain
    assert "| weights |" in text


def test_the_table_for_programs_says_which_cells_are_random(told: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_results.render(told).decode())))
    assert {row["weights"] for row in rows} == {"", "random"}
    assert {row["model"] for row in rows if row["weights"]} == {next(iter(told.models.values())).model}
