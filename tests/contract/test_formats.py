"""One body over every format × recipe of the tables: build for real, run in the bare runtime, hold it to account."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders_of import builder, by_format
from torch import nn

from edgerig.build.builder import Built, FormatBuilder
from edgerig.build.check import check_constants, check_outputs
from edgerig.build.layout import to_layout
from edgerig.build.source import Arrays, SourceModel, drawn
from edgerig.errors import BuildError, UnsupportedRecipe
from edgerig.measure.error import compare
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, TensorSpec, load_engines, load_formats, load_recipes

pytestmark = pytest.mark.contract

CLASSES = 8
SIDE = 8
CELLS = [(f, r) for f in load_formats() for r in load_recipes()]
SUPPORTED = [
    (f, r) for f, r in CELLS if "torch" in load_formats()[f].routes and not load_recipes()[r].formats[f].unsupported
]
"""Formats without a route from torch are held to the same in test_routes.py."""
UNSUPPORTED = [(f, r) for f, r in CELLS if load_recipes()[r].formats[f].unsupported]


CALIBRATED = [f for f in load_formats() if not load_recipes()["int8-static"].formats[f].unsupported]


class Net(nn.Module):
    """Every kind of layer the recipes tell apart: one-channel, depthwise and 1x1 convolutions, batch norm, Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1, groups=32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, CLASSES))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(images))
        return logits


class ConvolutionOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, CLASSES, SIDE - 2), nn.Flatten())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits


class Normalised(nn.Module):
    """A layer norm, whose squared difference TFLite cannot compute on 16-bit integers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32), nn.Linear(32, CLASSES))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(features)
        return logits


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of one fixed random template a class: (count, 1, SIDE, SIDE) float32, and the classes."""
    templates = np.random.default_rng(0).random((CLASSES, 1, SIDE, SIDE))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    return (templates[labels] + 0.3 * rng.standard_normal((count, 1, SIDE, SIDE))).astype(np.float32), labels


def source(module: nn.Module, shape: tuple[int, ...]) -> SourceModel:
    spec = ModelSpec(
        name="contract",
        source="torch",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=(TensorSpec(name="features", shape=shape, layout="NCHW" if len(shape) == 4 else "any"),),
        outputs=(TensorSpec(name="logits", shape=(1, CLASSES)),),
    )

    def infer(arrays: Arrays) -> Arrays:
        with torch.no_grad():
            return [module(torch.from_numpy(arrays[0])).numpy()]

    return SourceModel(spec, module.eval(), infer, drawn(spec.inputs, 0, 1))


def run_tflite(path: Path, samples: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    given, found = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if given["dtype"] == np.int8:
        scale, zero = given["quantization"]
        samples = np.clip(np.rint(samples / scale) + zero, -128, 127).astype(np.int8)
    outputs = []
    for index in range(len(samples)):
        interpreter.set_tensor(given["index"], samples[index : index + 1])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(found["index"]))
    if found["dtype"] == np.int8:
        scale, zero = found["quantization"]
        outputs = [((output.astype(np.float32) - zero) * scale).astype(np.float32) for output in outputs]
    return np.concatenate(outputs)


def run_onnx(path: Path, samples: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: samples[i : i + 1]})[0] for i in range(len(samples))])


def run_executorch(path: Path, samples: np.ndarray) -> np.ndarray:
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(str(path)).load_method("forward")
    assert method is not None
    return np.concatenate([method.execute([torch.tensor(samples[i : i + 1])])[0].numpy() for i in range(len(samples))])


RUNTIMES: dict[str, Callable[[Path, np.ndarray], np.ndarray]] = {
    "tflite": run_tflite,
    "onnx": run_onnx,
    "executorch": run_executorch,
}
"""Without edgerig's own engines between; a format that is not here is run by its engine."""


def run_engine(format_name: str, path: Path, samples: np.ndarray) -> np.ndarray:
    engine = engines.create(load_engines()[load_formats()[format_name].engine].module, {})
    engine.load(str(path), 1)
    return evaluate(engine, [samples])[0]


def run(format_name: str, built: Built, model: SourceModel, samples: np.ndarray) -> Arrays:
    """The file's outputs on `samples`, given in the source's layout, through the bare runtime."""
    laid_out = to_layout([samples], model.spec.inputs, built.layout)[0]
    through: Callable[[Path, np.ndarray], np.ndarray] = RUNTIMES.get(format_name) or partial(run_engine, format_name)
    return [through(built.file, laid_out)]


@pytest.fixture(scope="module")
def model() -> SourceModel:
    """`Net` after 60 steps of training: weights and ranges like a real network's, in about a second."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for step in range(60):
        batch, labels = images(64, 100 + step)
        loss = nn.functional.cross_entropy(net(torch.from_numpy(batch)), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return source(net, (1, 1, SIDE, SIDE))


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return images(64, 1)[0]


@pytest.fixture(scope="module")
def calibration() -> Arrays:
    return [images(64, 2)[0]]


@pytest.fixture(scope="module")
def builders(model: SourceModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FormatBuilder]:
    return by_format(model, tmp_path_factory)


@pytest.fixture(scope="module")
def float_sizes(
    builders: Callable[[str], FormatBuilder], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], int]:
    folder = tmp_path_factory.mktemp("float")
    sizes: dict[str, int] = {}

    def get(format_name: str) -> int:
        if format_name not in sizes:
            built = builders(format_name).build(load_recipes()["fp32"], None, folder / format_name)
            sizes[format_name] = built.file.stat().st_size
        return sizes[format_name]

    return get


@pytest.mark.parametrize(("format_name", "recipe_name"), SUPPORTED)
def test_a_variant_computes_what_its_source_computes_in_the_dtypes_of_its_recipe(
    format_name: str,
    recipe_name: str,
    model: SourceModel,
    samples: np.ndarray,
    calibration: Arrays,
    builders: Callable[[str], FormatBuilder],
    float_sizes: Callable[[str], int],
    tmp_path: Path,
) -> None:
    recipe = load_recipes()[recipe_name]
    out = tmp_path / f"model{load_formats()[format_name].suffix}"
    built = builders(format_name).build(recipe, calibration if recipe.calibration else None, out)

    assert built.file == out
    assert built.layout == ("NHWC" if format_name == "tflite" else "NCHW")
    check_constants(recipe, format_name, built.constants)
    assert sum(built.constants.values()) < out.stat().st_size
    record = check_outputs(["logits"], run(format_name, built, model, samples), model.infer([samples]))
    assert record.samples == len(samples)
    assert record.relative_error is not None
    assert record.relative_error < (1e-4 if recipe_name == "fp32" else 0.25)
    if recipe_name == "fp32":
        assert set(built.constants) <= {"float32", "int32", "int64"}
    else:
        assert record.relative_error > 0, "a quantized file equal to its source was not quantized"
        assert out.stat().st_size < float_sizes(format_name)


@pytest.mark.parametrize(("format_name", "recipe_name"), UNSUPPORTED)
def test_what_a_format_cannot_do_is_said_and_refused(
    format_name: str, recipe_name: str, builders: Callable[[str], FormatBuilder], calibration: Arrays, tmp_path: Path
) -> None:
    recipe = load_recipes()[recipe_name]
    assert len(recipe.formats[format_name].unsupported) > 40
    with pytest.raises(UnsupportedRecipe, match=recipe_name):
        builders(format_name).build(recipe, calibration if recipe.calibration else None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_name", CALIBRATED)
def test_a_calibration_on_data_of_another_scale_shows_in_the_error(
    format_name: str,
    model: SourceModel,
    samples: np.ndarray,
    calibration: Arrays,
    builders: Callable[[str], FormatBuilder],
    tmp_path: Path,
) -> None:
    recipe = load_recipes()["int8-static"]
    built = builders(format_name).build(recipe, [calibration[0] * 0.3], tmp_path / "out")
    outputs, reference = run(format_name, built, model, samples), model.infer([samples])
    (error,) = compare(["logits"], outputs, reference)
    assert error.relative_error is not None
    assert error.relative_error > 0.2


@pytest.mark.parametrize("format_name", CALIBRATED)
def test_a_static_recipe_without_calibration_is_refused(
    format_name: str, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    with pytest.raises(BuildError, match="calibration"):
        builders(format_name).build(load_recipes()["int8-static"], None, tmp_path / "out")


@pytest.mark.parametrize(
    ("format_name", "recipe_name", "message"),
    [
        ("executorch", "int4-weight", "no Linear layer has a multiple of 32 inputs"),
        ("onnx", "int8-dynamic", "MatMul and Gemm only"),
        ("onnx", "int8-weight", "MatMul and Gemm only"),
        ("onnx", "int4-weight", "MatMul and Gemm only"),
    ],
)
def test_a_model_without_the_layers_a_recipe_quantizes_is_refused(
    format_name: str, recipe_name: str, message: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    convolutions = source(ConvolutionOnly(), (1, 1, SIDE, SIDE))
    with pytest.raises(UnsupportedRecipe, match=message) as caught:
        builder(format_name, convolutions, tmp_path).build(load_recipes()[recipe_name], None, tmp_path / "out")
    assert caught.value.hint


def test_executorch_half_precision_that_shrinks_nothing_is_refused_by_its_constants(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = load_recipes()["fp16"]
    convolutions = source(ConvolutionOnly(), (1, 1, SIDE, SIDE))
    built = builder("executorch", convolutions, tmp_path).build(recipe, None, tmp_path / "out")
    with pytest.raises(UnsupportedRecipe, match="float16"):
        check_constants(recipe, "executorch", built.constants)


def test_tflite_says_which_operators_it_computes_in_float(tmp_path: Path) -> None:
    torch.manual_seed(0)
    normalised = source(Normalised(), (1, 32))
    data = [np.random.default_rng(0).standard_normal((8, 32), dtype=np.float32)]
    made = builder("tflite", normalised, tmp_path)
    partly = made.build(load_recipes()["int16x8"], data, tmp_path / "out.tflite")
    assert partly.notes[0] == "left in float32: SQUARED_DIFFERENCE"
    assert partly.notes[1].startswith("SQUARED_DIFFERENCE: ai-edge-quantizer")
    built = made.build(load_recipes()["int8-static"], data, tmp_path / "out.tflite")
    assert built.layout == "any"
    assert built.notes == ()
    assert "float32" not in built.constants


def test_executorch_quantizes_convolutions_followed_by_a_relu_dynamically(
    model: SourceModel, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    built = builders("executorch").build(load_recipes()["int8-dynamic"], None, tmp_path / "out")
    linear = 64 * 128 + 128 * CLASSES
    assert built.constants["int8"] == linear + 32 * 64
    assert built.notes == ("left in float32: DepthwiseConv2d (2)",)


def test_executorch_counts_what_xnnpack_runs_and_what_it_leaves(
    model: SourceModel, builders: Callable[[str], FormatBuilder], tmp_path: Path
) -> None:
    whole = builders("executorch").build(load_recipes()["fp32"], None, tmp_path / "whole.pte")
    assert whole.delegated == whole.operators
    assert not whole.undelegated
    normalised = source(Normalised(), (1, 32))
    partly = builder("executorch", normalised, tmp_path).build(load_recipes()["fp32"], None, tmp_path / "partly.pte")
    assert (partly.delegated, partly.operators) == (2, 3)
    assert partly.undelegated == ("aten::native_layer_norm",)


def test_executorch_portable_backend_delegates_nothing_and_refuses_integers(
    model: SourceModel, samples: np.ndarray, tmp_path: Path
) -> None:
    made = builder("executorch", model, tmp_path, backend="portable")
    recipe = load_recipes()["fp32"]
    built = made.build(recipe, None, tmp_path / "out.pte")
    assert built.delegated == 0
    assert built.operators
    assert "aten::convolution" in built.undelegated
    check_outputs(["logits"], run("executorch", built, model, samples[:4]), model.infer([samples[:4]]))
    with pytest.raises(UnsupportedRecipe, match="portable"):
        made.build(load_recipes()["int8-dynamic"], None, tmp_path / "out.pte")
