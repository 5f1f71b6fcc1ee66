"""What is written of a winner is a sweep, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.made_results import cells_of, changed

from edgerig.errors import ConfigError
from edgerig.plan import make_plan
from edgerig.results import CellResult, Results
from edgerig.spec import OwnRecipe, RecipeOptions, SweepSpec, load_sweep
from edgerig.tune import winner
from edgerig.tune.question import Question
from edgerig.tune.space import Candidate

OWN = Candidate(
    format="onnx",
    recipe="int8-static-equalized-float2at3-onnx",
    own=OwnRecipe(
        like="int8-static",
        options=RecipeOptions(equalize=True, float_layers={"onnx": ("op03_Conv", "op04_Relu")}, calibration_samples=64),
    ),
)


def asked(**keys: object) -> Question:
    table = {"models": ("digits_skew",), "formats": ("onnx", "tflite"), **keys}
    return Question(sweep=SweepSpec.model_validate(table))


@pytest.mark.parametrize("chosen", [OWN, Candidate(format="onnx", recipe="fp16")])
def test_the_file_is_the_sweep_of_the_winner_and_its_float_twin(
    tmp_path: Path, chosen: Candidate, results: Results
) -> None:
    question = asked(threads=(1, 2), budget={"accuracy_drop": 0.02, "size_bytes": 70_000}, run={"repeats": 3})
    pick = placed(results, threads=2)
    path = winner.write(winner.sweep_of(question, chosen, pick), tmp_path)
    read = load_sweep(path, {})
    assert read == winner.sweep_of(question, chosen, pick)
    assert [cell.id for cell in make_plan(read).cells] == [
        f"digits_skew-torch-onnx-{recipe}@local/t2" for recipe in ("fp32", chosen.recipe)
    ]
    assert winner.command(path) == f"edgerig sweep {path}"


def test_it_is_placed_as_it_was_picked(tmp_path: Path, results: Results) -> None:
    """Of all that was tried on the device, the way that the winner ran in."""
    question = asked(processors=[[0], [1]], engine={"onnxruntime": {"intra_op_spinning": [True, False]}})
    spun = placed(results, processors=(1,), engine_options={"intra_op_spinning": False})
    for pick, place in ((spun, "local/t1/p1/intra_op_spinning=false"), (placed(results), "local/t1")):
        path = winner.write(winner.sweep_of(question, OWN, pick), tmp_path)
        assert {cell.id.partition("@")[2] for cell in make_plan(load_sweep(path, {})).cells} == {place}


def placed(results: Results, **fields: object) -> CellResult:
    return changed(cells_of(results, 0, 0)[0], **fields)


def test_a_models_folder_is_named_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: Results
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    pick = placed(results)
    assert winner.sweep_of(asked(models=("mine",)), OWN, pick).models == (str(tmp_path / "mine"),)
    assert winner.sweep_of(asked(), OWN, pick).models == ("digits_skew",)


def test_a_question_is_of_one_model_one_device_and_formats_it_can_be_built_in(tmp_path: Path) -> None:
    assert len(asked().plan().cells) == 2
    with pytest.raises(ConfigError, match="2 models and 1 devices"):
        asked(models=("digits_skew", "digits_vit")).plan()
    (tmp_path / "net.tflite").write_bytes(b"TFL3")
    with pytest.raises(ConfigError, match="cannot be built as executorch"):
        asked(models=(str(tmp_path / "net.tflite"),), formats=("executorch",)).plan()
    with pytest.raises(ConfigError, match="torch_eager has no recipe but fp32"):
        asked(formats=("torch_eager",)).plan()


def test_a_recipe_of_ones_own_that_no_format_can_do_is_refused_with_the_reason() -> None:
    wide = {"wide": {"like": "int8-static", "options": {"int16_layers": ["op00_*"]}}}
    assert asked(recipe=wide).plan().cells
    with pytest.raises(ConfigError, match=r"\[recipe.wide\] can be tried in no format: .*no 16-bit integer Conv"):
        asked(recipe=wide, formats=("onnx",)).plan()
    with pytest.raises(ConfigError, match="int9"):
        asked(recipe={"odd": {"like": "int9", "options": {"equalize": True}}}).plan()
