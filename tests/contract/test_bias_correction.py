"""Bias correction over real converters: files of a trained network come nearer to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders_of import builder, digits_data

from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import OwnRecipe, RecipeSpec, load_engines, load_formats, load_models, load_recipes, recipes_with

pytestmark = pytest.mark.contract

FORMATS = ("tflite", "onnx")
SAMPLES = 64
STATIC = load_recipes()["int8-static"]


def own(**options: object) -> RecipeSpec:
    row = OwnRecipe.model_validate({"like": "int8-static", "options": {"bias_correction": True, **options}})
    return recipes_with({"own": row})["own"]


class Lab:
    """Builds the model in a format, to another file system than that of its scratch folder, as a store may be; says
    what is noted of a file and how far off it is on evaluation data."""

    def __init__(
        self, format_name: str, model: SourceModel, digits: dict[str, np.ndarray], folder: Path, elsewhere: Path
    ) -> None:
        self.row, self.model, self.digits = load_formats()[format_name], model, digits
        self.builder, self.out = builder(format_name, model, folder), elsewhere / f"out{self.row.suffix}"

    def built(self, recipe: RecipeSpec, calibration: Arrays | None = None) -> tuple[tuple[str, ...], float]:
        made = self.builder.build(recipe, calibration or [self.digits["calibration"]], self.out)
        engine = engines.create(load_engines()[self.row.engine].module, {})
        engine.load(str(self.out), 1)
        given = [self.digits["inputs"][:SAMPLES]]
        (found,) = evaluate(engine, to_layout(given, self.model.spec.inputs, made.layout))
        return made.notes, relative_error(found, self.model.infer(given)[0])


@pytest.fixture(scope="module", params=FORMATS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Of digits_cnn, converted to float once."""
    model = load_source(load_models("digits_cnn")["torch"])
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        yield Lab(request.param, model, digits_data(), tmp_path_factory.mktemp(request.param), Path(elsewhere))


def test_a_corrected_file_is_nearer_to_its_network_and_says_by_how_much(lab: Lab) -> None:
    equalized = load_recipes()["int8-static-equalized"]
    for plain, corrected in ((STATIC, own()), (equalized, own(equalize=True))):
        (_, before), size = lab.built(plain), lab.out.stat().st_size
        notes, after = lab.built(corrected)
        assert 0 < after < before
        assert any(note.startswith("bias_correction: 10 of 10 layers with weights: relative error") for note in notes)
        assert abs(lab.out.stat().st_size - size) < 1000  # a constant's name


def test_layers_in_float_have_nothing_to_correct(lab: Lab) -> None:
    kept = {"tflite": ["op0[0-4]_*"], "onnx": ["op0[0-4]_*"]}
    notes, _ = lab.built(own(float_layers=kept))
    said = next(note for note in notes if note.startswith("bias_correction"))
    assert "10 of 10" not in said


def test_too_few_samples_to_judge_it_change_nothing(lab: Lab) -> None:
    few = [lab.digits["calibration"][:4]]
    _, plain = lab.built(STATIC, few)
    notes, same = lab.built(own(), few)
    assert same == plain
    assert "bias_correction: left out: 4 calibration samples, and it takes 8 to judge it" in notes
