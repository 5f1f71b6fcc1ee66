"""`float_layers` and `int16_layers`: what a recipe names stays in float, or computes in 16 bits, and nothing else does;
each format by names of its own graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from builders_of import by_format
from torch import nn

from edgerig.build.builder import Built, FormatBuilder
from edgerig.build.formats import tflite_graph
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, drawn
from edgerig.errors import BuildError
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, OwnRecipe, RecipeSpec, TensorSpec, load_engines, load_formats, recipes_with

pytestmark = pytest.mark.contract

FORMATS = ("tflite", "onnx", "executorch")
CHANNELS, SIDE, CLASSES = 8, 6, 5
NAMED: Mapping[str, tuple[str, ...]] = {
    "tflite": ("op01_*",),
    "onnx": ("op0[23]_*",),
    "executorch": ("op02_conv2d", "op03_relu"),
}
"""The second convolution, with its ReLU."""
WEIGHTS = 16 * 16 * 9
"""Of that convolution."""


class Net(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """Three convolutions; weights of the second that multiply nothing are so large that 8 bits swallow the others."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            *(nn.Conv2d(CHANNELS, 16, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 16, 1), nn.ReLU()),
        )
        self.head = nn.Linear(16, CLASSES)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
            self.layers[2].weight[:, 0] *= 100
            self.layers[0].weight[0] = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.layers(images).mean((2, 3)))
        return scores


@pytest.fixture(scope="module")
def model() -> SourceModel:
    spec = ModelSpec(
        name="layers",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="images", shape=(1, CHANNELS, SIDE, SIDE), layout="NCHW"),),
        outputs=(TensorSpec(name="scores", shape=(1, CLASSES)),),
    )
    net = Net().eval()

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            return [net(torch.from_numpy(arrays[0])).numpy()]

    return SourceModel(spec, net, infer, drawn(spec.inputs, 0, 1))


@pytest.fixture(scope="module")
def builders(model: SourceModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FormatBuilder]:
    return by_format(model, tmp_path_factory)


def recipe(layers: object, like: str = "int8-static", **options: object) -> RecipeSpec:
    return mixed(like, float_layers=layers, **options)


def mixed(like: str = "int8-static", **options: object) -> RecipeSpec:
    return recipes_with({"mixed": OwnRecipe.model_validate({"like": like, "options": options})})["mixed"]


def samples(count: int, seed: int) -> Arrays:
    return [np.random.default_rng(seed).standard_normal((count, CHANNELS, SIDE, SIDE), dtype=np.float32)]


def error(format_name: str, built: Built, model: SourceModel) -> float:
    engine = engines.create(load_engines()[load_formats()[format_name].engine].module, {})
    engine.load(str(built.file), 1)
    given = samples(32, 1)
    (found,) = evaluate(engine, to_layout(given, model.spec.inputs, built.layout))
    return relative_error(found, model.infer(given)[0])


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_named_computes_in_float_and_nothing_else(
    format_name: str, model: SourceModel, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    suffix = load_formats()[format_name].suffix
    plain = builders(format_name).build(recipes_with({})["int8-static"], samples(32, 0), tmp_path / f"plain{suffix}")
    mixed = builders(format_name).build(recipe(list(NAMED[format_name])), samples(32, 0), tmp_path / f"mixed{suffix}")
    assert plain.constants["int8"] - mixed.constants["int8"] == pytest.approx(WEIGHTS, abs=64)
    assert mixed.constants["float32"] - plain.constants.get("float32", 0) == pytest.approx(4 * WEIGHTS, abs=512)
    count = 1 if format_name == "tflite" else 2
    assert any(note.startswith(f"float_layers: {count} of ") for note in mixed.notes), mixed.notes
    assert 0 < error(format_name, mixed, model) < error(format_name, plain, model) / 3


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_name_that_is_no_layers_is_an_error_that_tells_near_ones(
    format_name: str, builders: Callable[[str], FormatBuilder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near = {"tflite": "op01_CONV_2D", "onnx": "op02_Conv", "executorch": "op02_conv2d"}[format_name]
    with pytest.raises(BuildError, match=f'float_layers "{near[:-1]}x" is no layer') as caught:
        builders(format_name).build(recipe([near[:-1] + "x"]), samples(8, 0), tmp_path / "never")
    assert f'did you mean "{near}"' in caught.value.hint
    assert near in capsys.readouterr().out


def test_layers_are_named_for_one_format_alone(builders: Callable[[str], FormatBuilder], tmp_path: Path) -> None:
    row = recipe({"tflite": ["op01_*"]})
    assert row.formats["onnx"].unsupported == "mixed names no float_layers of onnx"
    built = builders("tflite").build(row, samples(8, 0), tmp_path / "a.tflite")
    assert any(note.endswith("op01_CONV_2D") for note in built.notes)


def test_equalized_layers_are_called_what_they_were(builders: Callable[[str], FormatBuilder], tmp_path: Path) -> None:
    built = builders("onnx").build(recipe(["op02_Conv"], equalize=True), samples(16, 0), tmp_path / "a.onnx")
    assert any(note.startswith("float_layers: 1 of ") and note.endswith("op02_Conv") for note in built.notes)
    assert any("op00_Conv → op02_Conv" in note for note in built.notes)


def test_an_operator_between_integers_is_said_to_be_one_of_them(
    builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    """ONNX Runtime fuses what stands between DequantizeLinear and QuantizeLinear. Of ExecuTorch, where a ReLU left in
    float keeps its convolution there, `test_executorch_float_layers.py` tells."""
    built = builders("onnx").build(recipe(["op01_Relu"]), samples(16, 0), tmp_path / "a")
    assert any("op01_Relu" in note and "in integers" in note for note in built.notes), built.notes
    assert not any("compute in float32" in note for note in built.notes)


@pytest.mark.parametrize(("format_name", "like"), [("tflite", "int16x8"), ("onnx", "int8-static-unsigned")])
def test_other_calibrated_recipes_take_names_too(
    format_name: str, like: str, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    row = recipe(list(NAMED[format_name]), like)
    built = builders(format_name).build(row, samples(8, 0), tmp_path / f"a{load_formats()[format_name].suffix}")
    assert any(note.startswith("float_layers: ") for note in built.notes)


@pytest.mark.parametrize("like", ["int8-full", "int8-dynamic", "fp16"])
def test_recipes_without_room_for_it_refuse(like: str) -> None:
    assert "no float_layers" in recipe(["op01_*"], like).formats["tflite"].unsupported


def kinds_of_values(file: Path, name: str) -> list[str]:
    """Dtypes of what the operators of a kind read and give, in the order they run."""
    graph = tflite_graph.read(file)
    found = [each for each in tflite_graph.walk(graph) if each.name == name]
    return [f"{tflite_graph.dtype(graph, o, o.inputs[0])} {tflite_graph.dtype(graph, o, o.outputs[0])}" for o in found]


def test_in_tflite_layers_compute_in_16_bits_among_those_of_8(
    builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    built = builders("tflite").build(mixed(int16_layers=["op01_*"]), samples(32, 0), tmp_path / "a.tflite")
    assert kinds_of_values(built.file, "CONV_2D") == ["int8 int8", "int16 int16", "int8 int8"]
    assert any(note.startswith("int16_layers: 1 of ") and note.endswith("op01_CONV_2D") for note in built.notes)


def test_16_bits_and_float_go_together_but_not_in_one_layer(
    builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    both = mixed(float_layers=["op00_*"], int16_layers=["op02_*"])
    built = builders("tflite").build(both, samples(8, 0), tmp_path / "a.tflite")
    assert kinds_of_values(built.file, "CONV_2D") == ["float32 float32", "int8 int8", "int16 int16"]
    with pytest.raises(BuildError, match="op02_CONV_2D stands in both float_layers and int16_layers"):
        one = mixed(float_layers=["op02_*"], int16_layers=["op0*"])
        builders("tflite").build(one, samples(8, 0), tmp_path / "never")
    with pytest.raises(BuildError, match='int16_layers "op99_\\*" is no layer'):
        builders("tflite").build(mixed(int16_layers=["op99_*"]), samples(8, 0), tmp_path / "never")


@pytest.mark.parametrize(
    ("format_name", "why"), [("executorch", "XNNPACK backend has no 16-bit"), ("onnx", "no 16-bit integer Conv")]
)
def test_runtimes_without_16_bits_refuse_them_with_the_reason(format_name: str, why: str) -> None:
    told = mixed(int16_layers=["op01_*"]).formats[format_name].unsupported
    assert told.startswith(f"mixed in {format_name} has no int16_layers: ")
    assert why in told
    apart = mixed(int16_layers={"tflite": ["op01_*"]}, float_layers={"onnx": ["op02_*"]})
    assert apart.formats["tflite"].unsupported == apart.formats["onnx"].unsupported == ""
    assert "names no float_layers or int16_layers of executorch" in apart.formats["executorch"].unsupported
