"""Processors and engine options as axes of a sweep: they reach the runtime on the device and stand in the results."""

from __future__ import annotations

import csv
import json
import os

import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e

PROCESSOR = max(os.sched_getaffinity(0))
SWEEP = f"""
models = ["digits_cnn"]
formats = ["tflite", "onnx"]
recipes = ["fp32", "int8-static"]
processors = [[], [{PROCESSOR}]]
select = ["*-tflite-*", "*-onnx-fp32@*"]
[engine.litert]
xnnpack = [true, false]
[engine.onnxruntime]
graph_optimization_level = "basic"
"""
NET = "digits_cnn-torch"
PINNED = f"local/t1/p{PROCESSOR}"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("placements"))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 0, done.err
    return done


def test_every_placement_is_a_cell_of_its_own(swept: Ended) -> None:
    places = ("local/t1", "local/t1/xnnpack=false", PINNED, f"{PINNED}/xnnpack=false")
    assert set(swept.cells) == {
        *(f"{NET}-tflite-{recipe}@{place}" for recipe in ("fp32", "int8-static") for place in places),
        *(f"{NET}-onnx-fp32@{place}/graph_optimization_level=basic" for place in ("local/t1", PINNED)),
    }
    assert {cell["status"] for cell in swept.cells.values()} == {"ok"}
    assert len({cell["raw"] for cell in swept.cells.values()}) == len(swept.cells)


def test_options_reach_the_runtime_and_stand_in_the_results(swept: Ended) -> None:
    for identity, cell in swept.cells.items():
        if cell["format"] == "tflite":
            plain = "xnnpack=false" in identity
            assert cell["engine"]["options"] == {"xnnpack": not plain}
            assert cell["engine_options"] == ({"xnnpack": False} if plain else {})
            assert (cell["delegation"]["delegated"] == 0) == plain, identity
            assert cell["accuracy"]["value"] > 0.95
        else:
            assert cell["engine"]["options"] == {"graph_optimization_level": "basic", "intra_op_spinning": True}


def test_the_runner_stayed_on_its_processor(swept: Ended) -> None:
    for identity, cell in swept.cells.items():
        pinned = f"/p{PROCESSOR}" in identity
        assert cell["processors"] == ([PROCESSOR] if pinned else [])
        assert json.loads((swept.run / cell["raw"] / "job.json").read_text())["processors"] == cell["processors"]
        if pinned:
            seen = [cell["state"]["before"]["cpu"], cell["state"]["after"]["cpu"]]
            assert seen == [PROCESSOR, PROCESSOR], identity


def test_an_int8_cell_is_held_against_the_fp32_of_its_own_placement(swept: Ended) -> None:
    for cell in swept.cells.values():
        if cell["recipe"] == "int8-static":
            assert cell["accuracy"]["delta"] is not None, cell["accuracy"]["delta_reason"]


def test_the_table_for_programs_has_the_placement_in_columns(swept: Ended) -> None:
    with (swept.run / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert {row["accelerator"] for row in rows.values()} == {"cpu"}
    found = {(row["processors"], row["engine_options"]) for row in rows.values() if row["format"] == "tflite"}
    assert found == {("", ""), ("", "xnnpack=false"), (str(PROCESSOR), ""), (str(PROCESSOR), "xnnpack=false")}


def test_the_run_compares_with_itself_cell_by_cell(swept: Ended) -> None:
    done = Edgerig(swept.folder)("compare", str(swept.run), str(swept.run))
    assert done.code == 0, done.err
    rebuilt = Edgerig(swept.folder)("report", str(swept.run))
    assert rebuilt.code == 0, rebuilt.err
    text = (swept.run / "report.md").read_text(encoding="utf-8")
    assert f"p{PROCESSOR}, xnnpack=false" in text


def test_a_processor_that_is_not_there_fails_its_cells_with_the_reason(swept: Ended) -> None:
    edgerig = Edgerig(swept.folder)
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), "--format", "onnx", "--processors", "1023")
    assert done.code == 1
    (cell,) = done.cells.values()
    assert "processors 1023 were asked for; the runner may use" in cell["error"]["message"]
