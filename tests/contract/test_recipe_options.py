"""A recipe's options are rows: what a format's row offers does what it says, anything else is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from builders_of import by_format
from torch import nn

from edgerig.build.builder import FormatBuilder
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, drawn
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import (
    ModelSpec,
    OwnRecipe,
    RecipeSpec,
    TensorSpec,
    load_engines,
    load_formats,
    load_recipes,
    recipes_with,
)

pytestmark = pytest.mark.contract

FORMATS = ("tflite", "executorch", "onnx")
METHODS = ("min-max", "moving-average", "percentile", "entropy", "mse")
OUTLIER = 40.0


class Net(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(8, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 4, 6))
        with torch.no_grad():  # filters of unlike size, which one scale per tensor blurs
            self.layers[0].weight *= torch.logspace(0, -1, 32)[:, None, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layers(images)
        return scores


@pytest.fixture(scope="module")
def model() -> SourceModel:
    spec = ModelSpec(
        name="options",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="images", shape=(1, 8, 4, 4), layout="NCHW"),),
        outputs=(TensorSpec(name="scores", shape=(1, 6)),),
    )
    net = Net().eval()

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            return [net(torch.from_numpy(arrays[0])).numpy()]

    return SourceModel(spec, net, infer, drawn(spec.inputs, 0, 1))


def samples(count: int, seed: int) -> Arrays:
    return [np.random.default_rng(seed).standard_normal((count, 8, 4, 4), dtype=np.float32)]


@pytest.fixture(scope="module")
def builders(model: SourceModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FormatBuilder]:
    return by_format(model, tmp_path_factory)


def own(like: str, **options: object) -> RecipeSpec:
    return recipes_with({"own": OwnRecipe.model_validate({"like": like, "options": options})})["own"]


class Lab:
    """Builds the model in a format by recipes of its own, and says how far off each is."""

    def __init__(self, format_name: str, model: SourceModel, builder: FormatBuilder, folder: Path) -> None:
        self.format = load_formats()[format_name]
        self.model, self.builder, self.out = model, builder, folder / f"net{self.format.suffix}"

    def error(self, recipe: RecipeSpec, calibration: Arrays) -> float:
        """Relative error of the built file's output on other samples."""
        built = self.builder.build(recipe, calibration, self.out)
        engine = engines.create(load_engines()[self.format.engine].module, {})
        engine.load(str(self.out), 1)
        data = samples(32, 9)
        found = evaluate(engine, to_layout(data, self.model.spec.inputs, built.layout))[0]
        return relative_error(found, self.model.infer(data)[0])


@pytest.fixture
def lab(model: SourceModel, builders: Callable[[str], FormatBuilder], tmp_path: Path) -> Callable[[str], Lab]:
    return lambda format_name: Lab(format_name, model, builders(format_name), tmp_path)


@pytest.mark.parametrize("format_name", FORMATS)
def test_methods_make_ranges_of_what_calibration_saw(format_name: str, lab: Callable[[str], Lab]) -> None:
    """One value far from all others takes most of the steps by its least and largest value, and none by a percentile
    that leaves it out."""
    calibration = samples(64, 1)
    calibration[0][5, 0, 0, 0] = OUTLIER
    made = lab(format_name)
    found = {method: made.error(own("int8-static", calibration_method=method), calibration) for method in METHODS}
    cut = made.error(own("int8-static", calibration_method="percentile", percentile=99.9), calibration)
    assert 0.03 < found["min-max"] < 0.08
    assert cut < 0.8 * found["min-max"]
    assert found["mse"] < 1.1 * found["min-max"]
    assert max(found.values()) < 0.4
    del found["percentile"]  # the default leaves nothing out of so few values
    assert len({*found.values(), cut}) == len(METHODS), "two methods are one"


@pytest.mark.parametrize("format_name", FORMATS)
def test_one_scale_per_tensor_is_another_file_that_computes_the_same(
    format_name: str, lab: Callable[[str], Lab]
) -> None:
    made, calibration = lab(format_name), samples(64, 1)
    channels = made.error(own("int8-static", calibration_samples=64), calibration)
    tensor = made.error(own("int8-static", per_tensor=True), calibration)
    assert 0 < channels < 0.05
    assert channels != tensor < 0.1


def test_weights_of_a_reduced_range_have_seven_bits(builders: Callable[[str], FormatBuilder], tmp_path: Path) -> None:
    for recipe, most in ((own("int8-static", reduce_range=True), 64), (load_recipes()["int8-static"], 127)):
        builders("onnx").build(recipe, samples(8, 1), tmp_path / "net.onnx")
        stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / "net.onnx").graph.initializer}
        weights = [value for value in stored.values() if value.dtype == np.int8 and value.ndim > 1]
        assert weights
        assert max(int(np.abs(value.astype(int)).max()) for value in weights) == most


@pytest.mark.parametrize(
    ("like", "options", "format_name", "words"),
    [
        ("int8-static", {"reduce_range": True}, "tflite", "own in tflite has no reduce_range = true: nothing there"),
        ("int8-weight", {"per_tensor": True}, "onnx", "own in onnx has no per_tensor = true"),
        ("int8-full", {"per_tensor": True}, "executorch", "ExecuTorch makes all-integer programs"),
    ],
)
def test_what_a_format_does_not_offer_is_unsupported_with_its_reason(
    like: str, options: dict[str, object], format_name: str, words: str
) -> None:
    assert words in own(like, **options).formats[format_name].unsupported
