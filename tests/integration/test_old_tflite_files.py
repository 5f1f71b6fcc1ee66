"""TFLite files of old converters as sources: they build to what files of today's build to."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.build.builder import Built
from edgerig.build.formats.tflite import TfliteBuilder
from edgerig.build.formats.tflite_graph import read, write
from edgerig.build.source import load_source
from edgerig.ondevice.engines.litert import LitertEngine
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_models, load_recipes

pytestmark = pytest.mark.integration
L = keras.layers
DATA = [np.random.default_rng(1).standard_normal((16, 8, 8, 8), dtype=np.float32)]


def converted(path: Path) -> Path:
    keras.utils.set_random_seed(0)
    layers = [
        L.Conv2D(8, 3),
        L.PReLU(shared_axes=[1, 2]),
        L.DepthwiseConv2D(3),
        L.Conv2D(8, 1),
        L.Flatten(),
        L.Dense(5),
    ]
    net = keras.Sequential([keras.Input((8, 8, 8)), *layers])
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(net).convert())
    return path


def aged(source: Path, path: Path) -> Path:
    """The file as converters wrote it before schema version 3a: no signatures, operators' codes in the old field."""
    graph = read(source)
    graph.signatureDefs = None
    for code in graph.operatorCodes:
        code.builtinCode = 0
    write(graph, path)
    assert {code.builtinCode for code in flatbuffer_utils.read_model(str(path)).operatorCodes} == {0}
    return path


def built(source: Path, recipe: str, folder: Path) -> Built:
    folder.mkdir()
    (spec,) = load_models(str(source), quantize=True).values()
    row = load_recipes()[recipe]
    return TfliteBuilder(load_source(spec), {}, folder).build(
        row, DATA if row.calibration else None, folder / "out.tflite"
    )


def run(file: Path) -> np.ndarray:
    engine = LitertEngine()
    engine.load(str(file), 1)
    return evaluate(engine, DATA)[0]


@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8-weight", "int8-dynamic", "int8-static", "int16x8"])
def test_a_file_from_before_signatures_is_quantized_like_one_of_today(recipe: str, tmp_path: Path) -> None:
    new = converted(tmp_path / "new.tflite")
    expected = built(new, recipe, tmp_path / "of_new")
    found = built(aged(new, tmp_path / "old.tflite"), recipe, tmp_path / "of_old")
    assert found.constants == expected.constants
    assert found.notes == expected.notes
    np.testing.assert_array_equal(run(found.file), run(expected.file))
