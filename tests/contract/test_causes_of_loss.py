"""Three networks that int8-static loses, each for a reason of its own: `edgerig debug` tells them apart in every
format, and what it advises is the cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from builders_of import builder

from edgerig.build.builder import FormatBuilder
from edgerig.build.factory import call_factory
from edgerig.build.layers import ADAPTERS
from edgerig.build.layers import executorch as torch_layers
from edgerig.build.layers.twins import Job, Twins, look
from edgerig.build.layout import to_layout
from edgerig.build.source import SourceModel, load_source
from edgerig.measure.error import relative_error
from edgerig.measure.layer_advice import advice
from edgerig.measure.layers import INPUT, THRESHOLD_DB, layer_results
from edgerig.measure.suspect import first_below, suspect
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.registry import load_object
from edgerig.results.layers import Advice, LayerResult
from edgerig.spec import OwnRecipe, RecipeSpec, load_engines, load_formats, load_models, load_recipes, recipes_with

pytestmark = pytest.mark.contract

STATIC = load_recipes()["int8-static"]
SAMPLES, EVALUATED = 8, 100
LOST, CURED = 0.3, 0.05
"""Relative errors."""
WIDE = {"tflite": "op04_CONV_2D op05_CONV_2D", "onnx": "op08_Conv op09_Conv", "executorch": "op08_conv2d op09_conv2d"}
"""What writes the wide activation, and what reads it."""


@dataclass(frozen=True)
class Subject:
    """A model with its data and, but for ExecuTorch, whose programs take long, its builder."""

    format: str
    source: SourceModel
    data: dict[str, np.ndarray]
    work: Path
    builder: FormatBuilder | None

    def twins(self) -> Twins:
        if self.builder is None:
            return torch_layers.side_by_side(*torch_layers.graphs(self.source, STATIC, [self.data["calibration"]]))
        floating = self.builder.build(load_recipes()["fp32"], None, self.work / "float")
        quantized = self.builder.build(STATIC, [self.data["calibration"]], self.work / "int8")
        adapter: Callable[[Job], Twins] = load_object(ADAPTERS[self.format].code)
        job = Job(STATIC, floating.file, quantized.file, self.work, (), lambda: self.source, lambda _: [])
        return adapter(job)

    def told(self) -> tuple[LayerResult, list[Advice]]:
        """The suspect, and what to do."""
        twins = self.twins()
        layout = "NHWC" if self.format == "tflite" else "NCHW"
        (fed,) = to_layout([self.data["inputs"][:SAMPLES]], self.source.spec.inputs, layout)
        seen = look(twins, [[np.ascontiguousarray(fed[i : i + 1])] for i in range(SAMPLES)]).seen
        layers = layer_results(twins.operators, twins.inputs, seen, twins.weights)
        below, worst = first_below(layers, THRESHOLD_DB), suspect(layers, THRESHOLD_DB)
        assert worst is not None
        return layers[worst], list(advice(layers, below, worst, STATIC, self.format))

    def error(self, recipe: RecipeSpec, calibration: np.ndarray) -> float:
        assert self.builder is not None
        suffix = load_formats()[self.format].suffix
        built = self.builder.build(recipe, [calibration], self.work / f"{recipe.name}{suffix}")
        engine = engines.create(load_engines()[load_formats()[self.format].engine].module, {})
        engine.load(str(built.file), 1)
        given = [self.data["inputs"][:EVALUATED]]
        (found,) = evaluate(engine, to_layout(given, self.source.spec.inputs, built.layout))
        error = relative_error(found, self.source.infer(given)[0])
        assert error is not None
        return error


def subject(model: str, format_name: str, work: Path) -> Subject:
    source = load_source(next(iter(load_models(model).values())))
    assert source.spec.dataset is not None
    data = call_factory(source.spec.folder, str(source.spec.dataset.factory))
    made = None if format_name == "executorch" else builder(format_name, source, work)
    return Subject(format_name, source, data, work, made)


def own(**options: object) -> RecipeSpec:
    return recipes_with({"own": OwnRecipe.model_validate({"like": "int8-static", "options": options})})["own"]


@pytest.mark.parametrize("format_name", ADAPTERS)
def test_a_wide_activation_is_kept_in_more_bits_at_both_ends(format_name: str, tmp_path: Path) -> None:
    found = subject("digits_wide", format_name, tmp_path)
    worst, (said,) = found.told()
    writer, reader = WIDE[format_name].split()
    assert worst.name == reader
    assert (said.remedy, said.layers) == ("float-layers", (writer, reader))
    assert f"the activation of {writer} that is too wide" in said.evidence
    assert ("int16_layers" in said.text) is (format_name == "tflite")
    if found.builder is not None:
        calibration = found.data["calibration"]
        options = ["float_layers", *(["int16_layers"] if format_name == "tflite" else [])]
        assert found.error(STATIC, calibration) > LOST
        assert all(found.error(own(**{option: list(said.layers)}), calibration) < CURED for option in options)


@pytest.mark.parametrize("format_name", ADAPTERS)
def test_a_narrow_calibration_is_calibrated_anew(format_name: str, tmp_path: Path) -> None:
    found = subject("digits_narrow", format_name, tmp_path)
    worst, (said,) = found.told()
    assert worst.operator == INPUT
    assert (worst.outside or 0.0) > 0.2
    assert (said.remedy, said.layers[0]) == ("calibrate", worst.name)
    if found.builder is not None:
        wanted = call_factory(found.source.spec.folder, "../digits_cnn/data.py:load")["calibration"]
        assert found.error(STATIC, found.data["calibration"]) > LOST
        assert found.error(STATIC, wanted) < CURED


@pytest.mark.parametrize("format_name", ADAPTERS)
def test_skewed_channels_are_equalized(format_name: str, tmp_path: Path) -> None:
    found = subject("digits_skew", format_name, tmp_path)
    _, said = found.told()
    assert [each.remedy for each in said] == ["equalize", "float-layers"]
    if found.builder is not None:
        calibration = found.data["calibration"]
        assert found.error(STATIC, calibration) > LOST
        assert found.error(own(equalize=True), calibration) < CURED
