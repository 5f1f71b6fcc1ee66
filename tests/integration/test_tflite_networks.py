"""TFLite's recipes on the layers real networks have: right in every recipe, and what stays in float named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from edgerig.build.builder import FormatBuilder
from edgerig.build.formats.tflite import TfliteBuilder
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice.engines.litert import LitertEngine
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, load_recipes

pytestmark = pytest.mark.integration
L = keras.layers

BOUNDS = {
    "fp32": 1e-5,
    "fp16": 2e-3,
    "int8-weight": 0.025,
    "int8-dynamic": 0.025,
    "int4-weight": 0.3,
    "int8-static": 0.06,
    "int16x8": 0.02,
}
"""Relative errors of an output: what these small random nets are off by, about twice."""
SAMPLES = 24
STATIC = ("int8-static", "int16x8")
IMAGE = (8, 8, 8)


def convolved(*more: Any) -> Callable[[], Any]:
    return lambda: keras.Sequential(
        [keras.Input(IMAGE), L.Conv2D(8, 3, padding="same"), *more, L.Conv2D(8, 3), L.Flatten(), L.Dense(5)]
    )


def recurrent(*more: Any) -> Callable[[], Any]:
    return lambda: keras.Sequential([keras.Input((4, 8)), *more, L.Dense(3)])


def functional(shape: tuple[int, ...], body: Callable[[Any], Any]) -> Callable[[], Any]:
    def make() -> Any:
        inputs = keras.Input(shape)
        return keras.Model(inputs, body(inputs))

    return make


def attention(x: Any) -> Any:
    y = L.LayerNormalization()(x)
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 8)(y, y)]))
    return L.Dense(4)(L.Dense(16, activation="gelu")(y)[:, 0])


def masked(value: float) -> Callable[[Any], Any]:
    def body(x: Any) -> Any:
        mask = np.triu(np.full((6, 6), value, np.float32), 1)
        scores = ops.matmul(L.Dense(8)(x), ops.transpose(L.Dense(8)(x), (0, 2, 1))) / 8**0.5
        return L.Dense(5)(ops.matmul(ops.softmax(scores + mask), L.Dense(8)(x)))

    return body


def reduced(x: Any) -> Any:
    y = L.Conv2D(8, 3)(x)
    return [L.Dense(3)(reduce(y, axis=(1, 2))) for reduce in (ops.max, ops.mean, ops.sum, ops.min)]


def unlike(x: Any) -> Any:
    both = [L.Conv2D(8, 3)(x), L.Rescaling(50.0)(L.Conv2D(8, 3)(x))]
    return L.Dense(5)(L.Flatten()(L.Concatenate()(both)))


def padded(x: Any) -> Any:
    y = L.Conv2D(8, 3)(ops.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], mode="reflect"))
    y = L.Conv2D(8, 3)(ops.pad(L.ZeroPadding2D(1)(y), [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=2.0))
    return L.Conv2D(4, 1)(y[:, ::2, 1:7:2, :])


def batched(x: Any) -> Any:
    """A constant with a matrix per channel: no layer's weights, so a BATCH_MATMUL's."""
    constant = np.random.default_rng(2).standard_normal((3, 8, 4)).astype(np.float32)
    return L.Dense(5)(L.Flatten()(ops.matmul(L.Dense(8)(x), constant)))


def loud(x: Any) -> Any:
    """Logarithms of energies, as of a spectrum, with the least that they may be."""
    return L.Dense(5)(ops.log(ops.maximum(ops.square(L.Dense(8)(x)), 1e-3)))


def heard(x: Any) -> Any:
    """The magnitudes of a filter bank's pairs, and layers that read them."""
    pairs = L.Conv1D(16, 32, strides=16)(x)
    levels = ops.sqrt(ops.square(pairs[..., :8]) + ops.square(pairs[..., 8:]))
    return L.Dense(5)(L.Flatten()(L.Conv1D(8, 3)(L.Conv1D(8, 3, activation="relu")(levels))))


def passing(x: Any) -> Any:
    y = L.Dense(4)(x)
    return [x, y, L.Identity()(y), L.Dense(3)(y)]


HEARD = "RESHAPE (3), CONV_2D (2), STRIDED_SLICE (2), SQUARE (2), ADD, SQRT"
NETS: dict[str, tuple[Callable[[], Any], str | None]] = {
    "leaky": (convolved(L.LeakyReLU(0.1)), "LEAKY_RELU"),
    "prelu": (convolved(L.PReLU("glorot_uniform", shared_axes=[1, 2])), "PRELU"),
    "elu": (convolved(L.ELU()), "ELU"),
    "selu": (convolved(L.Activation("selu")), "GREATER, EXP, SUB, MUL, SELECT"),
    "gelu": (convolved(L.Activation("gelu")), ""),
    "silu": (convolved(L.Activation("silu")), ""),
    "hard swish": (convolved(L.Activation("hard_swish")), ""),
    "clipped": (convolved(L.BatchNormalization(), L.ReLU(6.0), L.MaxPooling2D(2, 1)), ""),
    "separable": (convolved(L.SeparableConv2D(8, 3, activation="relu"), L.AveragePooling2D(2, 1)), ""),
    "grouped": (convolved(L.GroupNormalization(2)), "NEG, SQUARE"),
    "larger": (convolved(L.UpSampling2D(2, interpolation="bilinear")), ""),
    "repeated": (convolved(L.UpSampling2D(2)), "TILE (2), RESHAPE"),
    "transposed": (convolved(L.Conv2DTranspose(8, 3, strides=2, padding="same")), ""),
    "solid": (
        lambda: keras.Sequential([keras.Input((4, 6, 6, 8)), L.Conv3D(8, 3), L.Flatten(), L.Dense(3)]),
        "CONV_3D",
    ),
    "attention": (functional((6, 16), attention), "NEG (2)"),
    "masked": (functional((6, 8), masked(-1e9)), "ADD, SOFTMAX"),
    "barred": (functional((6, 8), masked(-np.inf)), "ADD, SOFTMAX"),
    "lstm": (recurrent(L.LSTM(8)), None),
    "unrolled": (recurrent(L.LSTM(8, unroll=True)), ""),
    "gru": (recurrent(L.GRU(8)), None),
    "reduced": (functional(IMAGE, reduced), "REDUCE_MAX"),
    "unlike": (functional(IMAGE, unlike), ""),
    "padded": (functional(IMAGE, padded), ""),
    "softmax": (convolved(L.Activation("relu"), L.Softmax()), ""),
    "log softmax": (functional((8,), lambda x: ops.log_softmax(L.Dense(8)(x))), "LOG_SOFTMAX"),
    "passing": (functional((8,), passing), ""),
    "batched": (functional((3, 6, 8), batched), ""),
    "loud": (functional((8,), loud), "FULLY_CONNECTED, SQUARE, MAXIMUM, LOG"),
    "heard": (functional((256, 1), heard), HEARD),
}
"""Name → the network, and the operators int8-static leaves in float32 (None: those of a loop, not counted here)."""


def samples(model: SourceModel, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (SAMPLES, *t.shape[1:])).astype(np.float32) for t in model.spec.inputs]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[SourceModel, FormatBuilder]]:
    """A network's source and its builder, made once for all recipes."""
    made: dict[str, tuple[SourceModel, FormatBuilder]] = {}

    def get(name: str) -> tuple[SourceModel, FormatBuilder]:
        if name not in made:
            folder = tmp_path_factory.mktemp("net")
            keras.utils.set_random_seed(0)
            NETS[name][0]().save(folder / "net.keras")
            spec = ModelSpec(name="net", source="keras", file=folder / "net.keras", no_accuracy_reason="a test")
            model = load_source(spec)
            made[name] = (model, TfliteBuilder(model, {}, folder))
        return made[name]

    return get


def run(file: Path, inputs: Arrays) -> Arrays:
    engine = LitertEngine()
    engine.load(str(file), 1)
    assert {tensor.dtype for tensor in engine.describe().inputs} == {"float32"}
    return evaluate(engine, inputs)


@pytest.mark.parametrize("recipe", BOUNDS)
@pytest.mark.parametrize("name", NETS)
def test_a_network_is_right_in_every_recipe(
    name: str, recipe: str, built: Callable[[str], tuple[SourceModel, FormatBuilder]], tmp_path: Path
) -> None:
    model, builder = built(name)
    data = samples(model, 1)
    made = builder.build(load_recipes()[recipe], data if recipe in STATIC else None, tmp_path / "net.tflite")
    for output, reference in zip(run(made.file, data), model.infer(data), strict=True):
        assert output.dtype == np.float32
        assert np.linalg.norm(output - reference) <= BOUNDS[recipe] * np.linalg.norm(reference)
    in_float = NETS[name][1]
    if recipe == "int8-static" and in_float is not None:
        said = [note for note in made.notes if note.startswith("left in float32: ")]
        assert said == ([f"left in float32: {in_float}"] if in_float else [])
        assert len(made.notes) > 1 or not in_float, "no reason is given"


def test_an_output_that_is_an_input_or_another_output_is_itself(
    built: Callable[[str], tuple[SourceModel, FormatBuilder]], tmp_path: Path
) -> None:
    model, builder = built("passing")
    data = samples(model, 1)
    made = builder.build(load_recipes()["int8-static"], data, tmp_path / "net.tflite")
    same, first, second, _ = run(made.file, data)
    assert np.array_equal(same, data[0])
    assert np.array_equal(first, second)


@pytest.mark.parametrize("recipe", ["int8-static", "int16x8", "int8-dynamic"])
def test_a_network_without_anything_to_quantize_is_refused_for_the_true_reason(recipe: str, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((4, 4, 8)), L.LeakyReLU(), L.Reshape((128,))]).save(tmp_path / "net.keras")
    model = load_source(ModelSpec(name="net", source="keras", file=tmp_path / "net.keras", no_accuracy_reason="a test"))
    with pytest.raises(UnsupportedRecipe, match=f"^{recipe}: nothing in the network can be quantized: ") as caught:
        TfliteBuilder(model, {}, tmp_path).build(load_recipes()[recipe], samples(model, 1), tmp_path / "net.tflite")
    if recipe in STATIC:
        assert "LEAKY_RELU: ai-edge-quantizer" in caught.value.message


def test_dynamic_ranges_are_for_operators_they_make_no_slower(
    built: Callable[[str], tuple[SourceModel, FormatBuilder]], tmp_path: Path
) -> None:
    narrow = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(16, 3), L.SeparableConv2D(32, 3), L.Flatten(), L.Dense(4)]
    )
    narrow.save(tmp_path / "net.keras")
    model = load_source(ModelSpec(name="net", source="keras", file=tmp_path / "net.keras", no_accuracy_reason="a test"))
    made = TfliteBuilder(model, {}, tmp_path).build(load_recipes()["int8-dynamic"], None, tmp_path / "net.tflite")
    assert made.notes[0] == "left in float32: CONV_2D, DEPTHWISE_CONV_2D"
    assert any("padding" in note for note in made.notes[1:])
    assert any("XNNPACK has no integer kernel" in note for note in made.notes[1:])
    assert made.constants["int8"] == 16 * 32 + 4 * 4 * 32 * 4
    engine = LitertEngine()
    engine.load(str(made.file), 1)
    assert engine.describe().undelegated == []


def test_an_operator_tflite_lacks_is_named_once_for_every_recipe(tmp_path: Path) -> None:
    functional((8,), lambda x: ops.erfinv(L.Dense(4, name="head")(x)))().save(tmp_path / "net.keras")
    model = load_source(ModelSpec(name="net", source="keras", file=tmp_path / "net.keras", no_accuracy_reason="a test"))
    builder = TfliteBuilder(model, {}, tmp_path)
    messages = set()
    for recipe in ("fp32", "fp16"):
        with pytest.raises(UnsupportedRecipe, match="TensorFlow's Erfinv") as caught:
            builder.build(load_recipes()[recipe], None, tmp_path / "net.tflite")
        messages.add(caught.value.message)
    assert len(messages) == 1
