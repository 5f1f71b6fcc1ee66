"""Measured against published: which cells a figure speaks of, and what is said where none measured it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.decide.published import NOT_MEASURED, against_published, measured_text, published_text
from edgerig.report.run import markdown
from edgerig.report.run.json_results import render as render_json
from edgerig.report.run.latest import latest
from edgerig.results import Accuracy, CellResult, Results, Verdict, VerdictEvidence
from edgerig.spec import PublicPage, PublishedFigure

PAGE = PublicPage(title="a | page", url="https://example.org/<b>")


def target(**more: object) -> PublishedFigure:
    known = {"what": "target", "metric": "top1", "value": 90.0, "unit": "%", "source": PAGE}
    return PublishedFigure.model_validate({**known, **more})


def cell(recipe: str, accuracy: float | None, size: int, **more: object) -> CellResult:
    known = {
        "id": f"net-keras-tflite-{recipe}@local/t1",
        "model": "net",
        "source": "keras",
        "format": "tflite",
        "recipe": recipe,
        "device": "local",
        "threads": 1,
        "emulated": False,
        "status": "ok",
        "size_bytes": size,
        "accuracy": Accuracy(metric="top1", value=accuracy, samples=10),
    }
    return CellResult.model_validate({**known, **more})


CELLS = [cell("fp32", 0.911, 1000), cell("int8-static", 0.905, 400)]


def test_a_target_is_held_against_every_variant() -> None:
    assert published_text(target()) == "top1 90 %"
    assert measured_text(target(), CELLS) == "90.5 % to 91.1 %"


def test_a_figure_of_one_variant_is_held_against_that_one() -> None:
    figure = PublishedFigure(what="int8 file", size_bytes=500, format="tflite", recipe="int8-static", source=PAGE)
    assert published_text(figure) == "500 bytes"
    assert measured_text(figure, CELLS) == "400 bytes (-20.0%)"
    assert measured_text(target(recipe="fp32"), CELLS) == "91.1 %"


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [cell("fp32", None, 10)],
        [cell("fp32", 0.9, 10, status="failed")],
        [cell("fp32", 0.1, 10, verdict=Verdict(label="wrong", evidence=VerdictEvidence(), advice=""))],
    ],
    ids=["no cell", "no accuracy", "failed", "wrong"],
)
def test_what_was_not_measured_is_said(cells: list[CellResult]) -> None:
    assert measured_text(target(), cells) == NOT_MEASURED


def test_another_metric_is_not_compared() -> None:
    auc = PublishedFigure(what="target", metric="auc", value=0.85, unit="1", source=PAGE)
    assert measured_text(auc, CELLS) == NOT_MEASURED


def test_a_second_metric_is_found() -> None:
    both = {
        "top1": Accuracy(metric="top1", value=0.7, samples=10),
        "top5": Accuracy(metric="top5", value=0.9, samples=10),
    }
    figure = PublishedFigure(what="target", metric="top5", value=89.0, unit="%", source=PAGE)
    assert measured_text(figure, [cell("fp32", 0.7, 10, metrics=both)]) == "90.0 %"


def published(results: Results) -> Results:
    """`results` with a published figure for its first model."""
    name, record = next(iter(results.models.items()))
    return results.model_copy(
        update={"models": {**results.models, name: record.model_copy(update={"published": (target(),)})}}
    )


def test_the_markdown_report_has_a_row_for_each_published_figure(results: Results) -> None:
    assert "Measured against published" not in markdown.render(results).decode()
    page = markdown.render(published(results)).decode()
    assert "## Measured against published" in page
    row = next(line for line in page.splitlines() if "target" in line)
    assert "a \\| page" in row and "&lt;b&gt;" in row
    assert len(against_published(published(results))) == 1


def test_the_newest_run_that_measured_the_model_is_found(results: Results, tmp_path: Path) -> None:
    model = next(cell.model for cell in results.cells if cell.status == "ok")
    for name in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        (tmp_path / name).mkdir()
        run = results.run.model_copy(update={"id": name})
        (tmp_path / name / "results.json").write_bytes(render_json(results.model_copy(update={"run": run})))
    (tmp_path / "20260103-000000-cccc").mkdir()
    (tmp_path / "20260103-000000-cccc" / "results.json").write_text("{")
    found = latest(tmp_path, model)
    assert found is not None
    assert found[0].run.id == "20260102-000000-bbbb"
    assert {cell.model for cell in found[1]} == {model}
    assert latest(tmp_path, "another") is None
    assert latest(tmp_path / "nothing", model) is None
