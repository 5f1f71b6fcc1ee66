"""int8-full: a file of integers from its inputs to its outputs, or a refusal that names what has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgerig.build.formats.tflite import TfliteBuilder
from edgerig.build.formats.tflite_graph import operators, read
from edgerig.build.source import Arrays, SourceModel, load_source
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.ondevice.engines.litert import LitertEngine
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import ModelSpec, load_recipes

pytestmark = pytest.mark.contract
L = keras.layers
FULL = load_recipes()["int8-full"]


def source(net: Any, folder: Path) -> SourceModel:
    net.save(folder / "net.keras")
    return load_source(
        ModelSpec(name="net", source="keras", file=folder / "net.keras", no_accuracy_reason="made for a test")
    )


def image_net(*more: Any) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            L.Conv2D(8, 3, activation="relu"),
            L.DepthwiseConv2D(3, padding="same"),
            *more,
            L.GlobalAveragePooling2D(),
            L.Dense(4),
            L.Softmax(),
        ]
    )


def samples(count: int, seed: int) -> Arrays:
    return [np.random.default_rng(seed).standard_normal((count, 8, 8, 3), dtype=np.float32)]


def test_everything_in_the_file_is_an_integer_and_the_dequantized_outputs_are_the_sources(tmp_path: Path) -> None:
    model = source(image_net(L.MaxPooling2D(2, 1)), tmp_path)
    made = TfliteBuilder(model, {}, tmp_path).build(FULL, samples(32, 1), tmp_path / "net.tflite")
    assert made.notes == ()
    assert {dtype for _, dtypes in operators(read(made.file)) for dtype in dtypes} <= {"int8", "int32"}
    engine = LitertEngine()
    engine.load(str(made.file), 1)
    told = engine.describe()
    assert [(t.dtype, t.scale > 0) for t in (*told.inputs, *told.outputs)] == [("int8", True)] * 2
    data = samples(16, 2)
    found = evaluate(engine, data)[0]
    assert found.dtype == np.float32
    assert relative_error(found, model.infer(data)[0]) < 0.05


def test_an_operator_without_integers_is_named_with_who_lacks_it(tmp_path: Path) -> None:
    model = source(image_net(L.LeakyReLU(0.1)), tmp_path)
    with pytest.raises(UnsupportedRecipe, match=r"int8-full: .*LEAKY_RELU: ai-edge-quantizer .* has no int8-full form"):
        TfliteBuilder(model, {}, tmp_path).build(FULL, samples(8, 1), tmp_path / "net.tflite")
    assert not (tmp_path / "net.tflite").exists()


def test_a_table_is_looked_up_in_integers(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(50, 16), L.Flatten(), L.Dense(4)])
    model = source(net, tmp_path)
    ids = [np.random.default_rng(1).integers(0, 50, (32, 6), dtype=np.int32)]
    made = TfliteBuilder(model, {}, tmp_path).build(FULL, ids, tmp_path / "net.tflite")
    engine = LitertEngine()
    engine.load(str(made.file), 1)
    assert [t.dtype for t in (*engine.describe().inputs, *engine.describe().outputs)] == ["int32", "int8"]
    assert relative_error(evaluate(engine, ids)[0], model.infer(ids)[0]) < 0.05
