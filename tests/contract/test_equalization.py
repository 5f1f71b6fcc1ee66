"""int8-static-equalized over real converters: networks whose layers may be equalized, and others.

TFLite and ONNX files are built; of ExecuTorch the graph is equalized, whose lowering is that of int8-static, and one
program is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgerig.build.builder import FormatBuilder
from edgerig.build.formats import samples_of
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, drawn
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.registry import load_object
from edgerig.spec import ModelSpec, OwnRecipe, RecipeSpec, TensorSpec, load_engines, load_formats, recipes_with

pytestmark = pytest.mark.contract

FORMATS = ("tflite", "onnx", "executorch")
CHANNELS, SIDE, CLASSES = 4, 6, 5
EQUALIZED = recipes_with({})["int8-static-equalized"]
STATIC = recipes_with({})["int8-static"]


class Sequential(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """Layers, the mean of what they give over the image, and a head."""

    def __init__(self, *layers: nn.Module, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.layers(images).mean((2, 3)))
        return scores


class Residual(nn.Module):  # type: ignore[misc]
    """A block whose input is added to its output: only what lies inside may be scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.inner(torch.relu(self.first(x)))
        return y


class Twice(nn.Module):  # type: ignore[misc]
    """The same weights twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.relu(self.layer(torch.relu(self.layer(x))))
        return y


class Flat(nn.Module):  # type: ignore[misc]
    """Every pixel has weights of its own behind a flatten: a channel meets many columns."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(CHANNELS, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(32, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.layers(images))
        return scores


def entry() -> nn.Module:
    return nn.Conv2d(CHANNELS, 8, 3, padding=1)


def depthwise() -> nn.Module:
    return nn.Conv2d(8, 8, 3, padding=1, groups=8)


MADE: dict[str, Callable[[], nn.Module]] = {
    "depthwise": lambda: Sequential(entry(), nn.ReLU(), depthwise(), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU()),
    "prelu": lambda: Sequential(entry(), nn.PReLU(8, 0.3), nn.Conv2d(8, 8, 1), nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 1)),
    "batch norm": lambda: Sequential(entry(), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(8, 8, 1)),
    "flat": Flat,
    "groups": lambda: Sequential(entry(), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(), nn.Conv2d(8, 8, 1)),
    "residual": lambda: Sequential(entry(), nn.ReLU(), Residual(), nn.ReLU(), nn.Conv2d(8, 8, 1)),
    "shared": lambda: Sequential(entry(), nn.ReLU(), Twice(), nn.Conv2d(8, 8, 1)),
    "some clipped": lambda: Sequential(entry(), nn.ReLU6(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1)),
}
EXPECTED: dict[str, tuple[int, tuple[str, ...]]] = {
    "depthwise": (2, ()),
    "prelu": (3, ()),
    "batch norm": (2, ()),
    "flat": (1, ()),
    "groups": (3, ()),
    "residual": (2, ("add joins its output with another",)),
    "shared": (1, ("weights",)),
    "some clipped": (2, ("relu6",)),
}
"""Network → how many chains are equalized, and what is said of the rest, in lower case."""
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "clipped": (lambda: Sequential(entry(), nn.ReLU6(), nn.Conv2d(8, 8, 1), nn.ReLU6()), "relu6"),
    "sigmoid": (lambda: Sequential(entry(), nn.Sigmoid(), nn.Conv2d(8, 8, 1), nn.Sigmoid()), "comes between"),
    "gelu": (lambda: Sequential(entry(), nn.GELU(), nn.Conv2d(8, 8, 1), nn.GELU()), "comes between"),
    "one layer": (lambda: Sequential(nn.ReLU(), width=CHANNELS), "no layer with weights is followed by another"),
}


def skewed(network: nn.Module) -> nn.Module:
    """Channels of unlike size in every layer: what equalization is for, were it allowed everywhere."""
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d) and layer.in_channels == CHANNELS:
                layer.weight *= torch.logspace(-1, 1, layer.out_channels)[:, None, None, None]
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_var.uniform_(0.1, 4.0)
                layer.running_mean.normal_()
                layer.weight.uniform_(0.1, 2.0)
    return network.eval()


def source(make: Callable[[], nn.Module]) -> SourceModel:
    torch.manual_seed(1)
    network = skewed(make())
    spec = ModelSpec(
        name="equalization",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="images", shape=(1, CHANNELS, SIDE, SIDE), layout="NCHW"),),
        outputs=(TensorSpec(name="scores", shape=(1, CLASSES)),),
    )

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            return [network(torch.from_numpy(arrays[0])).numpy()]

    return SourceModel(spec, network, infer, drawn(spec.inputs, 0, 1))


def samples(count: int, seed: int) -> Arrays:
    return [np.random.default_rng(seed).standard_normal((count, CHANNELS, SIDE, SIDE), dtype=np.float32)]


def builder(format_name: str, model: SourceModel, work: Path) -> FormatBuilder:
    spec = load_formats()[format_name]
    defaults = {name: values[0] for name, values in spec.options.items()}
    made: FormatBuilder = load_object(spec.builder)(model, defaults, work)
    return made


def built(format_name: str, model: SourceModel, recipe: RecipeSpec, work: Path) -> tuple[Sequence[str], float]:
    """The notes on a built file, and the relative error of its outputs."""
    out = work / f"{recipe.name}{load_formats()[format_name].suffix}"
    made = builder(format_name, model, work).build(recipe, samples(32, 0), out)
    engine = engines.create(load_engines()[load_formats()[format_name].engine].module, {})
    engine.load(str(out), 1)
    given = samples(32, 1)
    (found,) = evaluate(engine, to_layout(given, model.spec.inputs, made.layout))
    return made.notes, relative_error(found, model.infer(given)[0])


def told(format_name: str, model: SourceModel, work: Path) -> Sequence[str]:
    """The notes on an equalized variant. Raises UnsupportedRecipe."""
    if format_name != "executorch":
        return built(format_name, model, EQUALIZED, work)[0]
    from edgerig.build.formats.executorch_equalize import equalize, folded
    from edgerig.build.formats.executorch_quantizer import graph_of

    program = torch.export.export(model.module, (torch.from_numpy(samples(1, 0)[0]),))
    return equalize(folded(graph_of(program)), EQUALIZED, samples_of(samples(32, 0), model.spec.inputs))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", EXPECTED)
def test_a_note_lists_what_was_equalized_and_why_the_rest_was_not(name: str, format_name: str, tmp_path: Path) -> None:
    said = [note for note in told(format_name, source(MADE[name]), tmp_path) if "equalized" in note]
    chains, reasons = EXPECTED[name]
    assert said[0].startswith(f"equalized before quantizing ({chains}): op0"), said
    assert "float outputs equal on 16 calibration samples" in said[0]
    left = " ".join(said[1:]).lower()
    assert all(reason in left for reason in reasons), said
    assert bool(left) == bool(reasons), said


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_network_without_a_pair_is_refused_with_the_reason(name: str, format_name: str, tmp_path: Path) -> None:
    make, why = REFUSED[name]
    with pytest.raises(UnsupportedRecipe) as caught:
        told(format_name, source(make), tmp_path)
    assert why in str(caught.value).lower()


@pytest.mark.parametrize("format_name", FORMATS)
def test_skewed_channels_are_as_good_as_even_ones_behind_it(format_name: str, tmp_path: Path) -> None:
    model = source(MADE["prelu"])
    _, plain = built(format_name, model, STATIC, tmp_path)
    notes, equalized = built(format_name, model, EQUALIZED, tmp_path)
    assert any(note.startswith("equalized before quantizing") for note in notes)
    assert 0 < equalized < plain


@pytest.mark.parametrize(
    ("format_name", "like"),
    [("tflite", "int8-full"), ("tflite", "int16x8"), ("onnx", "int8-static-unsigned")],
)
def test_other_calibrated_recipes_can_be_equalized_too(format_name: str, like: str, tmp_path: Path) -> None:
    own = OwnRecipe.model_validate({"like": like, "options": {"equalize": True}})
    recipe = recipes_with({"own": own})["own"]
    notes, error = built(format_name, source(MADE["depthwise"]), recipe, tmp_path)
    assert any(note.startswith("equalized before quantizing (2)") for note in notes)
    assert 0 < error < 0.25


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_float_variant_stays_as_it_was(format_name: str, tmp_path: Path) -> None:
    """What is equalized is a copy: recipes of one process share the float form."""
    if format_name == "executorch":
        model = source(MADE["depthwise"])
        (outputs,) = model.infer(samples(4, 1))
        told(format_name, model, tmp_path)
        assert np.array_equal(model.infer(samples(4, 1))[0], outputs)
        return
    made = builder(format_name, source(MADE["depthwise"]), tmp_path)
    suffix = load_formats()[format_name].suffix
    fp32 = recipes_with({})["fp32"]
    before = made.build(fp32, None, tmp_path / f"a{suffix}").file.read_bytes()
    made.build(EQUALIZED, samples(32, 0), tmp_path / f"b{suffix}")
    assert made.build(fp32, None, tmp_path / f"c{suffix}").file.read_bytes() == before
