"""What holds for every figure, and that a row is all that a new one needs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from unit.history.runs import make_cell, make_run

from edgerig import figures
from edgerig.cli import showing
from edgerig.compare import baseline
from edgerig.compare.comparison import compare
from edgerig.compare.gate import judge_run
from edgerig.compare.known import kept, names
from edgerig.compare.snapshot import Snapshot, snapshot
from edgerig.decide.budget import said
from edgerig.decide.decision import decisions
from edgerig.figures.field import real, text
from edgerig.figures.figure import Change, Figure, Limit, Trend, within
from edgerig.history import store
from edgerig.history.metrics import metrics
from edgerig.history.trends import ask
from edgerig.report.comparison import html as comparison_html
from edgerig.report.comparison import markdown as comparison_markdown
from edgerig.report.exports import figures as exported
from edgerig.report.run import csv_results, groups, html, markdown, method, parquet_results, view
from edgerig.report.run.fields import fields
from edgerig.report.run.payload import payload
from edgerig.results import CellResult, Results
from edgerig.spec import SweepBudget
from edgerig.spec.budget import Budget


def _charge(cell: CellResult) -> float | None:
    return None if cell.latency is None or cell.emulated else 2 * cell.latency.mean_ms


CHARGE = Figure(
    key="charge",
    name="charge",
    unit="µC",
    value=_charge,
    reason=lambda cell: "" if _charge(cell) else "the device has no gauge",
    field="charge_uc",
    fields=(
        real("charge_uc", _charge, shown=True),
        text("charge_reason", lambda cell: "" if _charge(cell) else "the device has no gauge"),
    ),
    shown="sometimes",
    headline=True,
    scale=("mC", 1e3),
    certainty=within(lambda cell: 0.999 * (_charge(cell) or 0), lambda cell: 1.001 * (_charge(cell) or 0)),
    change=Change(minimum=0.03, unit="µC", note="as if of other samples."),
    limit=Limit("charge_uc", "positive", "taking more than {}", "a charge of {}", on="real"),
    trend=Trend("charge", exact=False, minimum=0.05, belongs="processor", without="wrong"),
    warning=lambda cell: "it takes a lot" if (_charge(cell) or 0) > 0.2 else "",
    notes=(("Charge", "what flows in one inference."),),
)
"""A figure that nothing knows of but this file."""


@pytest.fixture
def charged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", (*figures.FIGURES, CHARGE))


EVERY = pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.key)


@EVERY
def test_a_row_says_what_it_is_and_what_was_not_measured_says_why(figure: Figure, results: Results) -> None:
    assert figure.name and figure.group in figures.GROUPS
    for cell in results.cells:
        if cell.status == "ok":
            assert figure.value(cell) is not None or figure.reason(cell), (figure.key, cell.id)


@EVERY
def test_a_row_stands_in_the_files_with_its_raw_value(figure: Figure, results: Results) -> None:
    (field,) = [field for field in fields() if field.name == figure.field]
    assert (field.figure, field.kind in ("int", "float")) == (True, True)
    assert [field.get(cell) for cell in results.cells] == [figure.value(cell) for cell in results.cells]
    assert figure.field in parquet_results.schema().names


@EVERY
def test_a_row_that_is_shown_has_columns_in_the_payload_as_the_cells_have_it(figure: Figure, results: Results) -> None:
    found = {column["key"]: column for column in payload(results.cells, ())["columns"]}
    measured = any(figure.value(cell) is not None for cell in results.cells)
    for column in figure.table:
        assert column.numeric
        assert (column.key in found) == (not column.sometimes or measured)
        assert column.key not in found or found[column.key]["header"] == column.header
    assert (figure.shown == "never") == (figure.table == ())


@EVERY
def test_a_row_is_compared_limited_and_followed_as_it_says(figure: Figure, results: Results) -> None:
    run = snapshot(results, {}, {})
    changes = {change.metric for cell in compare(run, run).cells for change in cell.metrics}
    assert (figure.key in changes) == (figure.change is not None)
    if figure.limit is not None:
        limit = {"match": "*local/*", "limit": {figure.limit.key: 1}}
        checks = [
            c for c in judge_run(run, None, Budget.model_validate({"cells": [limit]})).checks if "limit" in c.name
        ]
        assert {check.name for check in checks} == {f"limit.{figure.limit.key}"}
    if figure.trend is not None:
        assert metrics()[figure.trend.name].column == figure.field


def test_no_two_rows_have_a_name_in_common() -> None:
    for told in (
        [figure.key for figure in figures.FIGURES],
        [field.name for field in fields()],
        [column.key for figure in figures.FIGURES for column in figure.table],
        [figure.limit.key for figure in figures.FIGURES if figure.limit],
        [*names()],
    ):
        assert len(told) == len(set(told))


def test_a_row_more_stands_in_every_report(charged: None, results: Results) -> None:
    first = results.cells[0]
    (row, *_) = csv.DictReader(io.StringIO(csv_results.render(results).decode(), newline=""))
    assert float(row["charge_uc"]) == _charge(first)
    assert parquet_results.table(results).column("charge_uc").to_pylist()[0] == _charge(first)
    table = [line for line in markdown.render(results).decode().splitlines() if line.startswith("| ")]
    assert "| p90 | instructions | charge (mC) | accuracy |" in table[0]
    (column,) = [column for column in payload(results.cells, ())["columns"] if column["key"] == "charge"]
    assert (column["usual"], column["heat"], column["hover"]) == (True, "ratio", ["charge", " mC"])
    assert "the device has no gauge" in column["why"]["texts"]
    assert ("Charge", "what flows in one inference.") in method.notes()
    assert b"what flows in one inference." in html.render(results)
    assert ("charge", "it takes a lot") in [(group.title, group.text) for group in groups.warnings(results.cells)]
    assert "charge (mC)" in [group.title for group in groups.unmeasured(results.cells)]
    assert "charge_uc" in showing.names()
    assert ("charge", "2.67e-05 mC") in view.headline(first)
    assert exported.of(first)["charge_uc"] == _charge(first)


def test_a_figure_that_no_cell_has_is_no_column(charged: None, results: Results) -> None:
    emulated = [cell for cell in results.cells if cell.emulated]
    assert "charge" not in [column["key"] for column in payload(emulated, ())["columns"]]


def grown(results: Results, factor: float) -> Snapshot:
    cells = (
        cell.model_copy(update={"latency": cell.latency.model_copy(update={"mean_ms": factor * cell.latency.mean_ms})})
        if cell.latency
        else cell
        for cell in results.cells
    )
    return snapshot(results.model_copy(update={"cells": tuple(cells)}), {}, {})


@pytest.mark.parametrize(("factor", "label"), [(1.0, "same"), (1.02, "same"), (1.1, "regressed"), (0.9, "improved")])
def test_a_row_more_is_compared_by_its_interval(
    charged: None, results: Results, tmp_path: Path, factor: float, label: str
) -> None:
    assert CHARGE in kept()
    file = tmp_path / "baseline.toml"
    file.write_bytes(baseline.render(grown(results, 1.0)))
    assert "charge_uc_low = " in file.read_text()
    found = compare(baseline.read_baseline(file), grown(results, factor))
    change = next(each for each in found.cells[0].metrics if each.metric == "charge")
    assert change.label == label
    assert change.effect == pytest.approx(factor - 1, abs=1e-3)
    assert "| charge |" in comparison_markdown.render(found).decode() and b"charge" in comparison_html.render(found)
    emulated = next(cell for cell in found.cells if "alert" in cell.id and cell.metrics)
    told = next(each for each in emulated.metrics if each.metric == "charge")
    assert (told.label, told.reason) == ("not compared", "the device has no gauge")


@pytest.mark.parametrize(("allowed", "outcome"), [(1.002, "pass"), (1.0, "inconclusive"), (0.99, "fail")])
def test_a_row_more_is_held_to_its_limit_by_gate_and_sweep(
    charged: None, results: Results, allowed: float, outcome: str
) -> None:
    first = results.cells[0]
    limit = {"charge_uc": allowed * _charge(first)}
    budget = Budget.model_validate({"regression": {"charge": 0.2}, "cells": [{"match": first.id, "limit": limit}]})
    assert budget.minimums(first.id).of("charge") == 0.2
    run = grown(results, 1.0)
    (check,) = [check for check in judge_run(run, None, budget).checks if check.name == "limit.charge_uc"]
    assert (check.cell, check.outcome) == (first.id, outcome)
    sweep = SweepBudget.model_validate(limit)
    assert "charge at most" in said(sweep)
    alone = results.model_copy(update={"cells": (first,)})
    (decided,) = decisions(alone, sweep)
    assert (decided.pick is None) == (outcome == "fail")
    assert ("taking more than" in decided.why) == (outcome == "fail")


def test_a_row_more_is_followed_by_the_history_and_older_runs_have_none(
    charged: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = str(tmp_path)
    with monkeypatch.context() as before:
        before.setattr(figures, "FIGURES", figures.FIGURES[:-1])
        store.add(make_run(1), at)
    for number in range(2, 12):
        store.add(make_run(number, make_cell(p50=1.0 if number < 7 else 2.0)), at)
    found = store.read(at)
    assert (found.warnings, found.runs) == ((), 11)
    (trend,) = ask(found, "digits_cnn", "charge", [], at).trends
    assert [point.left_out for point in trend.left_out] == ["not measured"]
    assert [change.run for change in trend.changes] == ["run-007"]
