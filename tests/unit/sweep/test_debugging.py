"""Which variant an id names, and what cannot be looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerig.build.store import Store
from edgerig.errors import ConfigError, ResultsError
from edgerig.spec.stream import StateSpec
from edgerig.sweep import debugging

INT8 = "digits_cnn-torch-tflite-int8-static"


@pytest.mark.parametrize("cell", [INT8, f"{INT8}@local/t1", f"{INT8}@pi/t4/big"])
def test_a_cells_id_names_its_variant_wherever_it_runs(cell: str) -> None:
    found = debugging.of_id(cell)
    assert (found.model.id, found.format, found.recipe) == ("digits_cnn-torch", "tflite", "int8-static")
    assert found.name == INT8


def test_the_longest_recipe_and_a_twin_are_told_apart() -> None:
    assert debugging.of_id("digits_cnn-torch-onnx-int8-static-unsigned").recipe == "int8-static-unsigned"
    assert debugging.of_id("digits_cnn-keras-onnx-int8-static").model.source == "keras"


@pytest.mark.parametrize("cell", ["digits_cnn-torch-tflite-int8", "nothing-torch-tflite-int8-static", "", "digits_cnn"])
def test_what_names_nothing_is_refused_with_an_example(cell: str) -> None:
    with pytest.raises(ConfigError) as raised:
        debugging.of_id(cell)
    assert debugging.EXAMPLE in raised.value.hint


def test_a_folder_that_is_no_run_is_refused() -> None:
    with pytest.raises(ResultsError):
        debugging.of_run(Path("/nonexistent"), INT8)


def test_what_is_fed_its_own_state_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    target = debugging.of_id(INT8)
    state = StateSpec.model_validate({"from": "after", "to": "before"})
    fed = target.model_copy(update={"model": target.model.model_copy(update={"state": (state,)})})
    with pytest.raises(ConfigError, match="fed its own state"):
        debugging.debug(fed, Store(tmp_path), 1, 20.0)
    assert not any(tmp_path.rglob("*"))
