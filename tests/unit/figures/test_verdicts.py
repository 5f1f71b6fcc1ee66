"""Every verdict is a row, and a row is all it takes: reports, comparison, gate and history follow it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from unit.history.runs import make_cell, make_run

from edgerig.compare.comparison import compare
from edgerig.compare.gate import judge_run
from edgerig.compare.snapshot import CellSnapshot, LatencySnapshot, Snapshot
from edgerig.decide.decision import compared, decide
from edgerig.figures.verdict import UNKNOWN, VERDICTS, VerdictKind, kind_of
from edgerig.history.store import History
from edgerig.history.trends import ask
from edgerig.measure.verdict import FINDINGS
from edgerig.report.run import groups, html, markdown, parquet_results, view
from edgerig.report.run.payload import payload
from edgerig.results import CellResult, Results, Verdict, VerdictEvidence, wording
from edgerig.spec import SweepBudget
from edgerig.spec.budget import Budget

ROWS = {
    "dozing": VerdictKind("the device slept", rank=8, gravity=17),
    "sunlit": VerdictKind(
        "it was warm", rank=0, timed=True, settled=True, doubt="caution", gravity=8, against_latency=False
    ),
    "crowded": VerdictKind("others were there", rank=6, ranked=False, gravity=41),
    "twisted": VerdictKind("it computes something else", rank=9, sound=False, doubt="", gravity=101),
}
NAMES = ("dozing", "sunlit", "crowded", "twisted")


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for label, kind in ROWS.items():
        monkeypatch.setitem(VERDICTS, label, kind)


def of(label: str, name: str = "fp32", p50: float = 1.0) -> CellResult:
    cell = make_cell(f"digits_cnn-torch-tflite-{name}@local/t1", p50=p50)
    verdict = Verdict(label=label, evidence=VerdictEvidence(), advice=f"{label} indeed")
    return cell.model_copy(update={"recipe": name, "verdict": verdict})


def results(*cells: CellResult) -> Results:
    return make_run(0, *cells)


def snapshot(label: str, p50_ms: float = 1.0) -> Snapshot:
    latency = LatencySnapshot(
        p50_ms=p50_ms, p90_ms=p50_ms, p99_ms=p50_ms, process_p50_ms=(p50_ms,) * 5, half_width=0.002
    )
    cell = CellSnapshot(device="local", emulated=False, status="ok", verdict=label, latency=latency)
    return Snapshot(run="r", started="2026-01-01T00:00:00", devices={}, cells={"cell": cell})


def test_every_label_a_cell_can_get_has_a_row_and_every_row_is_found_somewhere() -> None:
    assert set(FINDINGS) == set(VERDICTS) - set(ROWS)
    own = [kind for label, kind in VERDICTS.items() if label not in ROWS]
    assert len({kind.rank for kind in own}) == len({kind.gravity for kind in own}) == len(own)


def test_a_label_without_a_row_is_not_compared_and_accuses_nobody() -> None:
    assert kind_of("of a newer version") == kind_of(None) == UNKNOWN
    assert (UNKNOWN.timed, UNKNOWN.sound, UNKNOWN.ranked, UNKNOWN.doubt) == (False, True, True, "provisional")


@pytest.mark.parametrize(
    ("label", "outcomes"),
    [
        ("dozing", ("inconclusive", "pass")),
        ("sunlit", ("fail", "pass")),
        ("crowded", ("inconclusive", "pass")),
        ("twisted", ("inconclusive", "fail")),
        ("new to us", ("inconclusive", "pass")),
    ],
)
def test_comparison_and_gate_follow_the_row(label: str, outcomes: tuple[str, str]) -> None:
    base, new = snapshot("stable"), snapshot(label, 3.0)
    found = compare(base, new)
    changed = next(metric for metric in found.cells[0].metrics if metric.metric == "latency")
    assert changed.label == ("regressed" if outcomes[0] == "fail" else "inconclusive")
    budget = Budget.model_validate({"cells": [{"match": "*", "limit": {"latency_p50_ms": 2.0}}]})
    checks = {check.name: check for check in judge_run(new, found, budget).checks}
    assert (checks["limit.latency_p50_ms"].outcome, checks["outcome"].outcome) == outcomes
    assert (label in checks["limit.latency_p50_ms"].message) == (outcomes[0] == "inconclusive")
    assert (label in checks["outcome"].message) == (outcomes[1] == "fail")


@pytest.mark.parametrize(
    ("label", "latencies", "peaks"), [("dozing", 2, 3), ("sunlit", 3, 3), ("crowded", 2, 3), ("twisted", 2, 2)]
)
def test_a_history_follows_the_row(label: str, latencies: int, peaks: int) -> None:
    runs = [make_run(0), make_run(1, make_cell(label=label)), make_run(2)]
    history = History(pa.concat_tables([parquet_results.table(run) for run in runs]), len(runs), ())
    (timed,), (held,) = (ask(history, "digits_cnn", name, (), "").trends for name in ("latency_p50_ms", "memory"))
    assert (len(timed.values), len(held.values)) == (latencies, peaks)
    assert all(label in point.left_out for point in timed.left_out)


def test_warnings_and_tags_follow_the_row() -> None:
    cells = [of(label, f"r{number}") for number, label in enumerate((*NAMES, "noisy", "stable", "contended"))]
    told = [group.title for group in groups.warnings(cells)]
    assert told == ["twisted", "crowded", "contended", "dozing", "noisy", "sunlit"]
    assert [view.tag(cell) for cell in cells] == [*NAMES, "noisy", "", "contended"]
    assert ["(" in wording.described(cell) for cell in cells] == [True, False, True, True, True, False, True]


def test_what_ships_follows_the_row() -> None:
    ((cells, held_to),) = compared(results(*(of(label, label, 1.0) for label in NAMES)))
    found = decide(cells, SweepBudget(), held_to)
    assert found.pick is not None
    assert found.pick.recipe == "sunlit"
    assert "sunlit indeed" in found.cautions
    assert "1 computing something else on the device" in found.ruled_out
    assert "1 crowded, so that their latency is not known" in found.ruled_out
    assert "1 variant may be faster: crowded while timed, not ranked" in found.cautions
    alone = decide([of("dozing")], SweepBudget(), None)
    assert (alone.state, "its latency is dozing: dozing indeed" in alone.cautions) == ("provisional", True)


def test_the_reports_are_written_and_the_page_s_script_is_told() -> None:
    run = results(*(of(label, label) for label in NAMES))
    assert payload(run.cells, ())["verdicts"] == {
        "crowded": {"sound": True, "ranked": False},
        "dozing": {"sound": True, "ranked": True},
        "sunlit": {"sound": True, "ranked": True},
        "twisted": {"sound": False, "ranked": True},
    }
    assert all(f"{label} indeed" in markdown.render(run).decode() for label in NAMES)
    assert b"twisted indeed" in html.render(run)
