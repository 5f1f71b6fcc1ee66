"""`edgerig sweep` without arguments, as in the README."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
from e2e.commands import QUICK, Edgerig, Ended

from edgerig.report.run.read import json_schema

DEADLINE_S = 1500
"""Cold, beside two other tests that build: alone it takes some seven minutes on two processors."""
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(DEADLINE_S + 100)]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    run, out = Edgerig(tmp_path_factory.mktemp("quickstart")), tmp_path_factory.mktemp("reports")
    done = run("sweep", "--out", str(out), timeout=DEADLINE_S)
    assert done.code == 0, done.err
    return done


def test_every_planned_cell_is_ok(quickstart: Ended) -> None:
    cells = quickstart.cells
    assert len(cells) == 24
    assert {cell["status"] for cell in cells.values()} == {"ok"}
    assert sum(cell["model"] == "digits_cnn" for cell in cells.values()) == 12


def test_the_reports_path_is_the_last_thing_said(quickstart: Ended) -> None:
    page = Path(quickstart.out.strip())
    assert page.name == "index.html"
    assert page.stat().st_size > 1_000_000
    assert {"results.json", "results.csv", "report.md", "index.html", "run.json", "journal.jsonl", "raw"} <= {
        path.name for path in quickstart.run.iterdir()
    }


def test_the_run_is_in_the_history_beside_it(quickstart: Ended) -> None:
    history = quickstart.run.parent / "history"
    assert [path.name for path in history.iterdir()] == [f"{quickstart.run.name}.parquet"]
    asked = Edgerig(quickstart.folder)(
        "history", "digits_cnn", "--at", str(history), "--metric", "size_bytes", "--json"
    )
    sizes = {series["cell"]: series["last"] for series in json.loads(asked.out)["series"]}
    assert sizes == {c["id"]: c["size_bytes"] for c in quickstart.cells.values() if c["model"] == "digits_cnn"}


def test_results_follow_the_published_schema(quickstart: Ended) -> None:
    jsonschema.validate(quickstart.results, json_schema())


def test_accuracy_is_what_the_models_promise(quickstart: Ended) -> None:
    for cell in quickstart.cells.values():
        assert cell["accuracy"]["value"] >= (0.98 if cell["model"] == "digits_cnn" else 0.96), cell["id"]
        low, high = cell["accuracy"]["ci95"]
        assert low < cell["accuracy"]["value"] < high
        assert cell["accuracy"]["samples"] == 540


def test_int8_static_is_within_a_point_of_fp32(quickstart: Ended) -> None:
    cells = quickstart.cells
    for identity, cell in cells.items():
        if cell["recipe"] == "int8-static":
            fp32 = cells[identity.replace("int8-static", "fp32")]
            assert abs(cell["accuracy"]["value"] - fp32["accuracy"]["value"]) <= 0.01, identity


def test_every_figure_is_there_or_has_its_reason(quickstart: Ended) -> None:
    for cell in quickstart.cells.values():
        assert cell["latency"]["samples"] >= 50
        contention = cell["latency"]["contention"]
        # Attempts that nothing disturbed count together: five processes each.
        undisturbed = range(5, 5 * contention["attempts"] + 1, 5)
        assert len(cell["latency"]["process_p50_ms"]) in undisturbed or contention["counted"] != "all"
        assert cell["latency"]["control_ms"] > 0
        assert cell["latency"]["min_ms"] <= cell["latency"]["p50_ms"] <= cell["latency"]["p90_ms"]
        assert cell["load_ms"] > 0
        assert cell["first_inference_ms"] > 0
        assert cell["memory"]["peak_rss_bytes"] > cell["memory"]["runtime_rss_bytes"] > 0
        assert 0 <= cell["parity"]["relative_error"] < 0.1
        assert cell["delegation"]["total"] or cell["delegation"]["reason"]
        assert cell["cost"]["instructions"] is None
        assert cell["cost"]["reason"]
        assert cell["verdict"]["label"] in {"stable", "saturates", "noisy", "contended", "fallback"}
        assert cell["engine"]["threads"] == 1
        assert (quickstart.run / cell["build"]["log"]).is_file()


def test_executorch_ran_without_torch(quickstart: Ended) -> None:
    for cell in quickstart.cells.values():
        if cell["format"] == "executorch":
            # The wheel's own binding imports torch, which alone takes more than 100 MB.
            assert cell["memory"]["peak_rss_bytes"] < 100e6


def test_quantized_files_are_smaller_than_fp32(quickstart: Ended) -> None:
    cells = quickstart.cells
    for identity, cell in cells.items():
        if cell["recipe"] != "fp32":
            assert cell["size_bytes"] < cells[identity.replace(cell["recipe"], "fp32")]["size_bytes"], identity


def test_the_table_has_a_row_for_each_cell(quickstart: Ended) -> None:
    rows = list(csv.DictReader(io.StringIO((quickstart.run / "results.csv").read_text())))
    assert {row["id"] for row in rows} == set(quickstart.cells)


def test_the_built_files_are_there_to_ship(quickstart: Ended) -> None:
    for cell in quickstart.cells.values():
        stem = cell["id"].partition("@")[0]
        (file,) = (quickstart.run / "artifacts").glob(f"{stem}.*")
        assert file.stat().st_size == cell["size_bytes"]


def test_reports_are_rebuilt_from_the_raw_runs_to_the_byte(quickstart: Ended) -> None:

    before = {path.name: path.read_bytes() for path in quickstart.run.glob("re*.*")}
    for name in before:
        (quickstart.run / name).unlink()
    assert Edgerig(quickstart.run)("report", str(quickstart.run)).code == 0
    assert {path.name: path.read_bytes() for path in quickstart.run.glob("re*.*")} == before


def test_a_second_sweep_builds_nothing(quickstart: Ended, tmp_path: Path) -> None:

    again = Edgerig(tmp_path)
    done = again("sweep", again.sweep_file(QUICK), "--model", "digits_cnn")
    assert done.code == 0, done.err
    assert all(cell["build"]["cached"] for cell in done.cells.values())
    assert list((done.run / "logs").rglob("prepare.log")) == []
    for identity, cell in done.cells.items():
        assert cell["build"]["key"] == quickstart.cells[identity]["build"]["key"]
        assert json.dumps(cell["build"]["check"]) == json.dumps(quickstart.cells[identity]["build"]["check"])
