"""Keras graphs rebuilt in torch compute what Keras computes, layer by layer and as whole networks."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from edgerig.build.formats.executorch import ExecutorchBuilder
from edgerig.build.routes.keras_to_torch import rebuild
from edgerig.build.source import SourceModel, load_source
from edgerig.build.sources.keras import describe
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import PACKAGE, ModelSpec, load_engines, load_models, load_recipes

L = keras.layers

pytestmark = pytest.mark.integration

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
RESNET = DATA / "mlperf_tiny" / "image_classification" / "pretrainedResnet.h5"


def source(model: Any, folder: Path) -> SourceModel:
    model.save(folder / "net.keras")
    return load_source(
        ModelSpec(name="net", source="keras", file=folder / "net.keras", folder=folder, no_accuracy_reason="a test")
    )


def unsettle(model: Any) -> None:
    """Weights as a training leaves them: fresh ones (batch norm's zeros and ones) hide mistakes."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "variance" in weight.path or "gamma" in weight.path else (-0.5, 0.5)
        weight.assign(rng.uniform(low, high, weight.shape))


def largest_difference(model: SourceModel) -> float:
    module = rebuild(model)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((2, *tensor.shape[1:]), dtype=np.float32) for tensor in model.spec.inputs]
    expected = model.infer(inputs)
    differences = []
    for sample in range(2):
        found = module(*(torch.from_numpy(array[sample : sample + 1]) for array in inputs))
        values = found if isinstance(found, tuple) else (found,)
        assert len(values) == len(expected)
        for value, reference in zip(values, expected, strict=True):
            assert tuple(value.shape[1:]) == reference.shape[1:]
            differences.append(float(np.abs(value.numpy()[0] - reference[sample]).max()))
    return max(differences)


def sequential(shape: tuple[int, ...], *stack: Any) -> Any:
    return keras.Sequential([keras.Input(shape), *stack])


def pooled(layer: Any, size: int, stride: int, length: int) -> Any:
    pool = layer(size, strides=stride, padding="same")
    return sequential((length, length + 2, 3), L.Conv2D(4, 1), pool)


def pool_cases(layer: Any) -> dict[str, Callable[[], Any]]:
    """Every size, stride and length modulo them: where "same" pads evenly, unevenly and not at all."""
    cases: dict[str, Callable[[], Any]] = {}
    for size, stride, length in itertools.product((2, 3), (1, 2, 3), (7, 8)):
        if stride <= size:
            cases[f"{layer.__name__}-{size}-{stride}-{length}"] = partial(pooled, layer, size, stride, length)
    return cases


def convolved(layer: Any, kernel: int, stride: int, length: int, padding: str) -> Any:
    return sequential((length, length + 1, 3), layer(4, kernel, strides=stride, padding=padding))


def convolution_cases() -> dict[str, Callable[[], Any]]:
    cases: dict[str, Callable[[], Any]] = {}
    for kernel, stride, length, padding in itertools.product((1, 2, 3, 4), (1, 2), (7, 8), ("same", "valid")):
        name = f"{kernel}-{stride}-{length}-{padding}"
        cases[f"conv-{name}"] = partial(convolved, L.Conv2D, kernel, stride, length, padding)
        cases[f"transposed-{name}"] = partial(convolved, L.Conv2DTranspose, kernel, stride, length, padding)
    return cases


def residual() -> Any:
    image = keras.Input((9, 9, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = L.ReLU(max_value=6)(L.BatchNormalization(epsilon=1e-2)(x))
    y = L.Conv2D(8, 1, activation="relu")(x)
    x = L.Add()([x, y])
    x = L.Concatenate()([x, y, L.Subtract()([x, y])])
    x = L.Concatenate(axis=1)([x, L.Average()([x, L.Maximum()([x, L.Multiply()([x, x])])])])
    return keras.Model(image, L.Dense(5, activation="softmax")(L.Flatten()(x)))


def squeeze_and_excite() -> Any:
    image = keras.Input((8, 8, 4))
    x = L.Conv2D(8, 3, padding="same", activation="swish")(image)
    gate = L.Reshape((1, 1, 8))(L.GlobalAveragePooling2D()(x))
    gate = L.Conv2D(8, 1, activation="sigmoid")(L.Conv2D(2, 1, activation="relu")(gate))
    return keras.Model(image, L.GlobalMaxPooling2D()(L.Multiply()([x, gate])))


def shared_and_nested() -> Any:
    left, right = keras.Input((6, 6, 3), name="zeta"), keras.Input((6, 6, 3), name="alpha")
    inside = keras.Sequential([keras.Input((6, 6, 3)), L.Conv2D(4, 3), L.LeakyReLU(negative_slope=0.1)])
    picture = keras.Input((4, 4, 4))
    functional = keras.Model(picture, [L.Flatten()(picture), L.GlobalAveragePooling2D(keepdims=True)(picture)])
    flat, mean = functional(inside(left))
    other, _ = functional(inside(right))
    head = L.Dense(3)
    return keras.Model([left, right], [head(flat), head(other), mean])


def operators() -> Any:
    x = keras.Input((4, 4, 2))
    y = L.Conv2D(2, 1)(x)
    return keras.Model(x, 1 - keras.ops.relu6(y + 3) * (1 / 6) / (2 + x * x))


def transformer() -> Any:
    x = keras.Input((6, 8))
    y = L.MultiHeadAttention(num_heads=2, key_dim=5, value_dim=3)(x, x)
    y = L.LayerNormalization(epsilon=1e-2)(L.Add()([x, y]))
    y = L.Permute((2, 1))(L.Dense(4, activation="gelu")(y))
    return keras.Model(x, L.Reshape((-1, 2))(y))


CASES: dict[str, Callable[[], Any]] = {
    **convolution_cases(),
    **pool_cases(L.MaxPooling2D),
    **pool_cases(L.AveragePooling2D),
    "residual": residual,
    "squeeze and excite": squeeze_and_excite,
    "shared and nested": shared_and_nested,
    "operators": operators,
    "transformer": transformer,
    "groups and dilation": lambda: sequential(
        (9, 9, 4), L.Conv2D(6, 3, groups=2, padding="same"), L.Conv2D(4, 3, dilation_rate=2, padding="same")
    ),
    "depthwise": lambda: sequential(
        (9, 8, 3), L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, activation="relu6")
    ),
    "separable": lambda: sequential(
        (9, 8, 3), L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2, activation="tanh")
    ),
    "one axis": lambda: sequential(
        (20, 3),
        L.ZeroPadding1D((1, 2)),
        L.Conv1D(6, 4, padding="causal", activation="elu"),
        L.DepthwiseConv1D(3, padding="same", strides=2),
        L.BatchNormalization(),
        L.MaxPooling1D(2),
        L.SeparableConv1D(4, 2, activation="softsign"),
        L.AveragePooling1D(2, padding="same", strides=1),
        L.Conv1DTranspose(4, 3, strides=2, padding="same"),
        L.Cropping1D((1, 0)),
        L.UpSampling1D(2),
        L.GlobalAveragePooling1D(),
    ),
    "global, one axis": lambda: sequential((8, 3), L.Conv1D(4, 3), L.GlobalMaxPooling1D(keepdims=True)),
    "edges": lambda: sequential(
        (8, 7, 3),
        L.ZeroPadding2D(((1, 2), (3, 0))),
        L.Conv2D(4, 3, activation="hard_silu"),
        L.Cropping2D(((1, 0), (0, 2))),
        L.UpSampling2D((2, 3)),
        L.UpSampling2D(2, interpolation="bilinear"),
    ),
    "scaled inputs": lambda: sequential(
        (8, 8, 3),
        L.Rescaling(1 / 127.5, offset=-1),
        L.Rescaling([1.0, 2.0, 3.0], offset=[0.5, 0.0, -0.5]),
        L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5]),
        L.Conv2D(3, 2),
    ),
    "trained only": lambda: sequential(
        (6,), L.Dense(5), L.Dropout(0.5), L.GaussianNoise(1.0), L.BatchNormalization(), L.Dense(3, activation="sigmoid")
    ),
    "dense over channels": lambda: sequential(
        (5, 5, 3), L.Conv2D(4, 2), L.Dense(6), L.Softmax(), L.PReLU(shared_axes=[1, 2])
    ),
    "activations": lambda: sequential(
        (4, 4, 3),
        L.Conv2D(4, 1),
        *(L.Activation(name) for name in ("gelu", "softplus", "selu", "mish", "hard_sigmoid")),
    ),
    "activation layers": lambda: sequential(
        (4, 4, 3), L.Conv2D(4, 1), L.ReLU(negative_slope=0.2), L.ELU(0.7), L.ReLU(max_value=1.5), L.Softmax(axis=1)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_same_outputs(name: str, tmp_path: Path) -> None:
    model = CASES[name]()
    unsettle(model)
    assert largest_difference(source(model, tmp_path)) <= 1e-4


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_whole_architectures(name: str, tmp_path: Path) -> None:
    """With fresh batch norms, which do not amplify rounding as an untrained network's settled ones do."""
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    model = source(make(weights=None, input_shape=(32, 32, 3), classes=10, classifier_activation=None), tmp_path)
    (images,) = [np.random.default_rng(0).random((1, 32, 32, 3), dtype=np.float32)]
    found = rebuild(model)(torch.from_numpy(images)).numpy()
    assert relative_error(found, model.infer([images])[0]) <= 1e-5


def test_a_padded_stem_runs_dynamically_quantized(tmp_path: Path) -> None:
    """XNNPACK fails on a permutation, a padding and a dynamic convolution in this order."""
    model = source(sequential((8, 8, 3), L.ReLU(), L.Conv2D(8, 3, strides=2, padding="same")), tmp_path)
    builder = ExecutorchBuilder(model, {"backend": "xnnpack"}, tmp_path)
    images = np.random.default_rng(0).random((1, 8, 8, 3), dtype=np.float32)
    recipe = load_recipes()["int8-dynamic"]
    engine = engines.create(load_engines()["executorch"].module, {})
    engine.load(str(builder.build(recipe, None, tmp_path / "net.pte").file), 1)
    assert relative_error(evaluate(engine, [images])[0], model.infer([images])[0]) <= 0.05


def reference(name: str) -> SourceModel:
    if name == "digits_cnn":
        return load_source(load_models(str(PACKAGE.parent / "models" / "digits_cnn"))["keras"])
    if not RESNET.is_file():
        pytest.skip(f"no reference model {RESNET} (set EDGERIG_TEST_DATA)")
    return load_source(ModelSpec(name="resnet8", source="keras", file=RESNET, no_accuracy_reason="random images"))


@pytest.mark.parametrize("name", ["digits_cnn", "resnet8"])
def test_executorch_delegates_it_and_computes_the_same(name: str, tmp_path: Path) -> None:
    """At least 95 % of the operators run on XNNPACK, in float and quantized; float outputs agree to 1e-4."""
    model = reference(name)
    assert largest_difference(model) <= 1e-4
    images = np.random.default_rng(0).random((8, *model.spec.inputs[0].shape[1:]), dtype=np.float32)
    if name == "resnet8":
        images *= 255  # what it was trained on
    (expected,) = model.infer([images])
    builder = ExecutorchBuilder(model, {"backend": "xnnpack"}, tmp_path)
    for recipe in (load_recipes()["fp32"], load_recipes()["int8-static"]):
        built = builder.build(recipe, [images], tmp_path / f"{recipe.name}.pte")
        assert built.delegated is not None and built.operators is not None
        assert built.delegated >= 0.95 * built.operators, built.undelegated
        engine = engines.create(load_engines()["executorch"].module, {})
        engine.load(str(built.file), 1)
        (outputs,) = evaluate(engine, [images])
        if recipe.name == "fp32":
            assert np.abs(outputs - expected).max() <= 1e-4
        else:
            assert relative_error(outputs, expected) <= 0.1


def test_weights_are_shared_where_the_layer_is(tmp_path: Path) -> None:
    model = shared_and_nested()
    module = rebuild(source(model, tmp_path))
    assert sum(p.numel() for p in module.parameters()) == model.count_params()


class Doubled(keras.layers.Dense):
    def call(self, inputs: Any) -> Any:
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    ("stack", "names"),
    [
        ([L.LSTM(4)], "LSTM"),
        ([L.Conv2DTranspose(3, 3, dilation_rate=2)], "dilation"),
        ([L.UpSampling2D(2, interpolation="bicubic")], "bicubic"),
        ([L.BatchNormalization(axis=1)], "axis 1"),
        ([L.ReLU(threshold=1.0)], "threshold"),
        ([L.Activation("squareplus")], "squareplus"),
        ([L.PReLU()], "shared_axes"),
        ([L.Conv2D(2, 1, dtype="mixed_float16"), L.Activation("linear", dtype="float32")], "float16"),
        ([Doubled(3)], "Doubled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_that_cannot_be_rebuilt_is_named(stack: list[Any], names: str, tmp_path: Path) -> None:
    shape = (5, 3) if names == "LSTM" else (6, 6, 3)
    network = sequential(shape, *stack)
    inputs, outputs = describe(network)
    spec = ModelSpec(
        name="net", source="keras", file=tmp_path, inputs=inputs, outputs=outputs, no_accuracy_reason="a test"
    )
    model = SourceModel(spec, network, lambda arrays: arrays)
    with pytest.raises(UnsupportedRecipe, match=names):
        rebuild(model)
