"""A rung goes on in the folder that it has; one on which no candidate ran is begun anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.plan import Plan, make_plan
from edgerig.results import Status
from edgerig.spec import SweepSpec
from edgerig.sweep.environment import environment
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.run_folder import RunFolder
from edgerig.tune.rungs import begun


def plan(folder: Path, *recipes: str) -> Plan:
    table = {"models": ("digits_cnn",), "formats": ("onnx",), "recipes": recipes, "out": folder}
    return make_plan(SweepSpec.model_validate(table))


@pytest.mark.parametrize(
    ("ended", "goes_on"),
    [
        ((), True),
        (("ok",), True),
        (("ok", "ok"), True),
        (("failed", "ok"), True),
        (("ok", "failed"), False),
        (("failed", "failed"), False),
    ],
)
def test_a_run_is_gone_on_with_unless_it_ended_in_vain(
    tmp_path: Path, ended: tuple[Status, ...], goes_on: bool
) -> None:
    asked = plan(tmp_path, "fp32", "fp16")
    run = RunFolder.create(asked, environment(), ["edgerig.tune"])
    with run.journal() as journal:
        for cell, status in zip(asked.cells, ended, strict=False):
            journal.write(Outcome(cell=cell.id, status=status))
    found = begun(tmp_path, asked)
    assert (found is not None) == goes_on
    assert begun(tmp_path, plan(tmp_path, "fp32", "int8-static")) is None


def test_what_is_no_run_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "run.json").write_text("{")
    assert begun(tmp_path, plan(tmp_path, "fp32")) is None
