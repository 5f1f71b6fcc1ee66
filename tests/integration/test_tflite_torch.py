"""TFLite from torch: filters that are dead, ids that are numbers, outputs that are indices, images made larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgerig.build.formats.tflite import TfliteBuilder
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel
from edgerig.ondevice.engines.litert import LitertEngine
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, TensorSpec, load_recipes

pytestmark = pytest.mark.integration
SAMPLES = 24


class Dying(nn.Module):
    """Filters of zeros and almost zeros before large and small biases, one by a batch norm that is folded."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.deep, self.last = nn.Conv2d(8, 8, 3, groups=8), nn.Linear(8, 4)
        with torch.no_grad():
            self.norm.weight[:4] = torch.tensor([0.0, 1e-9, 1e-6, 1e-3])
            self.norm.bias[:] = torch.linspace(0.9, -0.5, 8)
            self.deep.weight[5] = 0
            self.last.weight[1] = 0
            self.last.bias[:] = torch.tensor([0.5, -30.0, 2.0, 0.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm(self.first(x)))
        scores: torch.Tensor = self.last(torch.relu(self.deep(y)).mean((2, 3)))
        return scores


class Ids(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.last = nn.Embedding(300, 16), nn.Linear(16, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.last(self.table(ids).mean(1))
        return scores


class Best(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores = self.scores(x)
        values, indices = torch.topk(scores, 3)
        return values, indices, scores.argmax(-1, keepdim=True), x, scores


class Larger(nn.Module):
    """Transposed convolutions whose padding is neither TensorFlow's SAME nor VALID."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.second = nn.ConvTranspose2d(6, 4, 3, stride=(3, 2), padding=1, output_padding=(2, 1))
        self.third = nn.ConvTranspose2d(4, 2, 3, stride=2, dilation=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.third(torch.relu(self.second(torch.relu(self.first(x)))))
        return image


def source(module: nn.Module, inputs: np.ndarray) -> SourceModel:
    module.eval()

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            returned = [module(torch.from_numpy(arrays[0][i : i + 1])) for i in range(len(arrays[0]))]
        rows = [value if isinstance(value, tuple) else (value,) for value in returned]
        return [torch.cat(column).numpy() for column in zip(*rows, strict=True)]

    outputs = infer([inputs[:1]])
    spec = ModelSpec(
        name="net",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="a test",
        inputs=(
            TensorSpec.model_validate(
                {
                    "name": "x",
                    "shape": (1, *inputs.shape[1:]),
                    "dtype": str(inputs.dtype),
                    "layout": "NCHW" if inputs.ndim == 4 else "any",
                }
            ),
        ),
        outputs=tuple(
            TensorSpec(name=f"y{i}", shape=array.shape, layout="NCHW" if array.ndim == 4 else "any")
            for i, array in enumerate(outputs)
        ),
    )
    return SourceModel(spec, module, infer, [inputs[:1].copy()])


def errors(model: SourceModel, recipe: str, inputs: np.ndarray, folder: Path) -> tuple[list[float], Arrays, Any]:
    """Each real output's relative error, in the source's own layout; the outputs; and what was built."""
    made = TfliteBuilder(model, {}, folder)
    built = made.build(load_recipes()[recipe], [inputs], folder / "net.tflite")
    engine = LitertEngine()
    engine.load(str(built.file), 1)
    outputs = evaluate(engine, to_layout([inputs], model.spec.inputs, built.layout))
    found = []
    for output, reference in zip(outputs, model.infer([inputs]), strict=True):
        if reference.dtype == np.float32:
            assert output.dtype == np.float32
            found.append(float(np.linalg.norm(output - reference) / np.linalg.norm(reference)))
    return found, outputs, built


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (SAMPLES, *shape)).astype(np.float32)


@pytest.mark.parametrize("recipe", ["int8-static", "int16x8", "int8-dynamic"])
def test_dead_filters_keep_their_biases(recipe: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    inputs = uniform(3, 8, 8)
    model = source(Dying(), inputs)
    (error,), outputs, built = errors(model, recipe, inputs, tmp_path)
    assert error < 0.01
    if recipe != "int8-dynamic":
        assert "float32" not in built.constants
        assert np.abs(outputs[0][:, 0] - model.infer([inputs])[0][:, 0]).max() < 0.3, "a step of outputs up to 30"


@pytest.mark.parametrize("recipe", ["fp32", "int8-static", "int8-dynamic"])
def test_ids_are_looked_up(recipe: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    inputs = np.random.default_rng(0).integers(0, 300, (SAMPLES, 7), dtype=np.int64)
    (error,), _, built = errors(source(Ids(), inputs), recipe, inputs, tmp_path)
    assert error < (1e-5 if recipe == "fp32" else 0.03)
    if recipe != "fp32":
        assert built.constants["int8"] >= 300 * 16, "the table stayed in float32"
        assert built.notes == ()


@pytest.mark.parametrize("recipe", ["fp32", "int8-static", "int16x8"])
def test_indices_are_integers_and_an_input_comes_back(recipe: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    inputs = uniform(8)
    model = source(Best(), inputs)
    found, outputs, built = errors(model, recipe, inputs, tmp_path)
    assert max(found) < (1e-5 if recipe == "fp32" else 0.03)
    assert np.array_equal(outputs[3], inputs)
    references = model.infer([inputs])
    for index in (1, 2):
        assert outputs[index].dtype.kind == "i"
        assert np.mean(outputs[index] == references[index]) > 0.9
    assert built.notes[:1] == (() if recipe == "fp32" else ("left in float32: TOPK_V2, ARG_MAX",))


def test_transposed_convolutions_of_any_padding(tmp_path: Path) -> None:
    torch.manual_seed(7)
    inputs = uniform(4, 5, 6)
    model = source(Larger(), inputs)
    (error,), outputs, _ = errors(model, "fp32", inputs, tmp_path)
    assert error < 1e-5
    assert outputs[0].shape == model.infer([inputs])[0].shape
