"""Keras models whose layers keep what they know outside their variables, or names and values twice, in ONNX."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from edgerig.build.check import check_outputs
from edgerig.build.formats.onnx import OnnxBuilder
from edgerig.build.source import load_source
from edgerig.errors import UnsupportedRecipe
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_engines, load_models, load_recipes

pytestmark = pytest.mark.integration

SAMPLES = 24


def normalized() -> keras.Model:
    given = keras.Input((8, 8, 3))
    hidden = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(given)
    hidden = layers.Conv2D(6, 3)(layers.Rescaling(1 / 2, offset=-1)(hidden))
    hidden = layers.ReLU(6)(layers.BatchNormalization()(hidden))
    return keras.Model(given, layers.Dense(4)(layers.Flatten()(hidden)))


def resized() -> keras.Model:
    given = keras.Input((10, 10, 3))
    hidden = layers.CenterCrop(8, 8)(layers.Resizing(12, 12)(given))
    return keras.Model(given, layers.Dense(4)(layers.Flatten()(layers.Conv2D(6, 3, activation="relu")(hidden))))


def binned() -> keras.Model:
    given = keras.Input((6,))
    bins = layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0], output_mode="int")(given)
    return keras.Model(given, layers.Dense(4)(layers.Flatten()(layers.Embedding(4, 5)(bins))))


def two_inputs() -> keras.Model:
    """Inputs and outputs in another order than their names'."""
    first, second = keras.Input((6,), name="b"), keras.Input((4,), name="a")
    hidden = layers.Concatenate()([layers.Dense(5, activation="relu")(first), second])
    return keras.Model([first, second], [layers.Dense(3, name="z")(hidden), layers.Dense(2, name="y")(hidden)])


def reused() -> keras.Model:
    given = keras.Input((6,))
    dense = layers.Dense(6, activation="relu")
    return keras.Model(given, dense(dense(given)))


def clashing() -> keras.Model:
    """Layers called as what the converter calls values."""
    given = keras.Input((6,), name="x")
    hidden = layers.Dense(6, name="input_0")(given)
    return keras.Model(given, layers.Dense(3, name="Identity")(layers.Activation("relu", name="edgerig")(hidden)))


def repeated() -> keras.Model:
    given = keras.Input((6,))
    value = layers.Dense(3)(given)
    return keras.Model(given, [value, layers.Identity()(value)])


def attention() -> keras.Model:
    given = keras.Input((6, 8))
    hidden = layers.MultiHeadAttention(2, 4)(given, given, use_causal_mask=True)
    return keras.Model(given, layers.Dense(3)(layers.Flatten()(layers.LayerNormalization()(hidden))))


def recurrent() -> keras.Model:
    given = keras.Input((6, 8))
    hidden = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(given)
    return keras.Model(given, layers.Dense(3)(layers.GRU(8)(hidden)))


MODELS = (normalized, resized, binned, two_inputs, reused, clashing, repeated, attention, recurrent)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_keras_layers_are_built(make: Callable[[], keras.Model], tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    make().save(tmp_path / "net.keras")
    (spec,) = load_models(str(tmp_path / "net.keras"), quantize=True).values()
    source = load_source(spec)
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal((SAMPLES, *t.shape[1:]), dtype=np.float32) for t in source.spec.inputs]
    builder = OnnxBuilder(replace(source, sample=[array[:1] for array in samples]), {}, tmp_path)
    reference = source.infer(samples)
    for recipe, bound in (("fp32", 1e-5), ("fp16", 2e-3), ("int8-static", 0.06)):
        row = load_recipes()[recipe]
        made = builder.build(row, samples if row.calibration else None, tmp_path / f"{recipe}.onnx")
        engine = engines.create(load_engines()["onnxruntime"].module, {})
        engine.load(str(made.file), 1)
        names = [tensor.name for tensor in source.spec.outputs]
        record = check_outputs(names, evaluate(engine, samples), reference)
        assert record.relative_error is not None
        assert record.relative_error < bound, (recipe, record)
        graph = onnx.load(made.file).graph
        assert [value.name for value in graph.input] == [tensor.name for tensor in source.spec.inputs]
        assert [value.name for value in graph.output] == names
    if make is recurrent:
        assert "Gemm" in made.notes[0], "weights inside a loop are weights"


def test_an_operator_without_a_rule_is_named(tmp_path: Path) -> None:
    given = keras.Input((3,), dtype="int64")
    made = keras.Model(given, layers.Dense(3)(layers.Flatten()(layers.Embedding(10, 4)(layers.Hashing(10)(given)))))
    made.save(tmp_path / "net.keras")
    (spec,) = load_models(str(tmp_path / "net.keras"), quantize=True).values()
    source = replace(load_source(spec), sample=[np.ones((1, 3), np.int64)])
    with pytest.raises(UnsupportedRecipe, match="TensorFlow's StringToHashBucketFast"):
        OnnxBuilder(source, {}, tmp_path).build(load_recipes()["fp32"], None, tmp_path / "out.onnx")
