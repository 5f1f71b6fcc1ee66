"""`edgerig debug` of an ExecuTorch program looks at the graph that was lowered, or says where it is another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made_up import artifact
from torch import nn

from edgerig.build.layers.executorch import twins
from edgerig.build.layers.twins import Job, Twins
from edgerig.build.source import SourceModel, drawn
from edgerig.results import Artifact
from edgerig.spec import ModelSpec, TensorSpec, load_recipes

pytestmark = pytest.mark.contract

WIDTH = 8
WEIGHTS = 2 * WIDTH * WIDTH


class Net(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """Two linear layers, a sum and a product between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second((self.first(x) + x) * x)


@pytest.fixture(scope="module")
def source() -> SourceModel:
    spec = ModelSpec(
        name="sums",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="x", shape=(1, WIDTH)),),
        outputs=(TensorSpec(name="y", shape=(1, WIDTH)),),
    )
    return SourceModel(spec, Net().eval(), lambda arrays: arrays, drawn(spec.inputs, 0, 1))


def looked_at(source: SourceModel, tmp_path: Path, program: Artifact | None) -> Twins:
    calibration = drawn(source.spec.inputs, 1, 8)
    none = tmp_path / "none"
    return twins(
        Job(load_recipes()["int8-static"], none, none, tmp_path, (), lambda: source, lambda _: calibration, program)
    )


def program(tmp_path: Path, int8: int, *notes: str) -> Artifact:
    path = tmp_path / "net.pte"
    return artifact(path, "executorch").model_copy(update={"constants": {"int8": int8}, "notes": notes})


def test_a_program_with_the_graphs_weights_needs_no_note(source: SourceModel, tmp_path: Path) -> None:
    assert looked_at(source, tmp_path, program(tmp_path, WEIGHTS)).notes == ()


def test_a_program_with_fewer_integer_weights_is_said_to_be_another(source: SourceModel, tmp_path: Path) -> None:
    (note,) = looked_at(source, tmp_path, program(tmp_path, WIDTH * WIDTH)).notes
    assert note.startswith(f"the program has {WIDTH * WIDTH} bytes of int8 weights")


def test_without_a_program_it_is_said_that_none_was_compared(source: SourceModel, tmp_path: Path) -> None:
    (note,) = looked_at(source, tmp_path, None).notes
    assert "no program was at hand" in note


def test_the_milder_plan_is_looked_at_where_the_program_is_of_it(source: SourceModel, tmp_path: Path) -> None:
    """The sum is in integers in the first plan alone, so that it has a range there."""
    note = "all but layers with weights stay in float32: otherwise the program does not run"
    first = looked_at(source, tmp_path, program(tmp_path, WEIGHTS))
    milder = looked_at(source, tmp_path, program(tmp_path, WEIGHTS, note))
    (sum_,) = (each.gives[0] for each in first.operators if each.kind == "add")
    assert sum_ in first.ranges
    assert sum_ not in milder.ranges
