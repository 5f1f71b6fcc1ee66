"""A device held still: which processors, how exactly, and what a cell says that did not have what it asked for."""

from __future__ import annotations

import json
import os

import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e

PROCESSOR = max(os.sched_getaffinity(0))
SWEEP = f"""
models = ["digits_cnn"]
recipes = ["fp32"]
threads = [2]
cpus = ["{PROCESSOR}", "big"]
[order]
by = "blocks"
"""
NET = "digits_cnn-torch"
FORMATS = ("tflite", "executorch", "onnx")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("still"))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), "--sustained", "3s")
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("format_name", FORMATS)
def test_two_threads_on_one_processor_are_told_whatever_the_runtime_says(swept: Ended, format_name: str) -> None:
    cell = swept.cells[f"{NET}-{format_name}-fp32@local/t2/p{PROCESSOR}"]
    assert cell["engine"]["threads"] == 2
    assert (cell["affinity"]["asked"], cell["affinity"]["processors"]) == ([PROCESSOR], [PROCESSOR])
    assert (cell["affinity"]["at_once"], cell["affinity"]["elsewhere"]) == (1, [])
    evidence = cell["verdict"]["evidence"]
    assert cell["verdict"]["label"] in {"fallback", "too-short", "throttled", "drifting"}
    assert "2 threads were asked for, 1 can run at once on processor" in cell["verdict"]["advice"]
    assert evidence["threads_in_force"] == 1


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_big_processors_are_found_on_the_device_and_recorded(swept: Ended, format_name: str) -> None:
    cell = swept.cells[f"{NET}-{format_name}-fp32@local/t2/big"]
    affinity = cell["affinity"]
    assert (cell["cluster"], affinity["cluster"]) == ("big", "big")
    assert set(affinity["asked"]) == set(affinity["processors"]) != set()
    assert affinity["elsewhere"] == []
    assert affinity["clusters"][-1]["processors"] == affinity["asked"][-len(affinity["clusters"][-1]["processors"]) :]


def test_the_order_is_one_of_chance_that_the_run_has_with_a_reference_between_its_blocks(swept: Ended) -> None:
    seed = json.loads((swept.run / "run.json").read_text())["run"]["order_seed"]
    drift = swept.results["drift"]["local"]
    assert drift["seed"] == seed is not None
    assert [visit["number"] for visit in drift["visits"]] == [1, 2, 3]
    assert drift["reference"] == next(iter(swept.cells))
    medians = [visit["p50_ms"] for visit in drift["visits"]]
    assert min(medians) > 0
    assert drift["spread"] == pytest.approx(max(medians) / min(medians) - 1)
    assert drift["last_over_first"] == pytest.approx(medians[-1] / medians[0] - 1)
    assert sorted(cell["order"]["number"] for cell in swept.cells.values()) == [1, 2, 3, 4, 5, 6]
    for cell in swept.cells.values():
        assert cell["order"]["change"] is not None


def test_each_cell_was_kept_at_work(swept: Ended) -> None:
    for cell in swept.cells.values():
        kept = cell["sustained"]
        assert kept["reason"] == ""
        assert kept["seconds"] >= 3
        assert len(kept["windows"]) == 3
        assert min(window["inferences"] for window in kept["windows"]) >= 1
        assert kept["last_over_first"] == pytest.approx(kept["last_ms"] / kept["first_ms"])


def test_where_one_attempt_was_asked_for_no_cap_was_met(swept: Ended) -> None:
    for cell in swept.cells.values():
        assert cell["latency"]["stopped"] == ""
        assert cell["latency"]["precision"] is None
