"""Float16 TFLite files as sources: the same network, its float16 numbers held in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgerig.build import tflite_codes
from edgerig.build.formats.tflite import TfliteBuilder
from edgerig.build.formats.tflite_graph import dtype, read, walk
from edgerig.build.routes import find_route
from edgerig.build.source import SourceModel, load_source
from edgerig.build.sources import tflite_weights
from edgerig.build.sources.file import float_file
from edgerig.errors import UnsupportedRecipe
from edgerig.measure.error import relative_error
from edgerig.ondevice.engines.litert import LitertEngine
from edgerig.ondevice.engines.onnxruntime import OnnxruntimeEngine
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import load_models, load_recipes

pytestmark = pytest.mark.integration
L = keras.layers


def converted(path: Path, *optimizations: Any) -> Path:
    """A small network as a .tflite file, its weights float16 where `optimizations` say so."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(8, 3), L.ReLU(), L.Flatten(), L.Dense(5)])
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    if optimizations:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = list(optimizations)
    path.write_bytes(converter.convert())
    return path


def loaded(path: Path) -> SourceModel:
    (spec,) = load_models(str(path), quantize=True).values()
    return load_source(spec)


def data(count: int = 16, seed: int = 1) -> list[np.ndarray]:
    return [np.random.default_rng(seed).standard_normal((count, 8, 8, 3), dtype=np.float32)]


@pytest.mark.parametrize(
    ("recipe", "bound"), [("fp32", 1e-6), ("fp16", 1e-3), ("int8-static", 0.05), ("int8-full", 0.05)]
)
def test_it_is_built_from_like_any_float_file(recipe: str, bound: float, tmp_path: Path) -> None:
    source = loaded(converted(tmp_path / "half.tflite", tf.float16))
    row = load_recipes()[recipe]
    made = TfliteBuilder(source, {}, tmp_path).build(row, data() if row.calibration else None, tmp_path / "out.tflite")
    assert row.formats["tflite"].constant_dtypes[0] in made.constants
    engine = LitertEngine()
    engine.load(str(made.file), 1)
    assert relative_error(evaluate(engine, data(seed=2))[0], source.infer(data(seed=2))[0]) < bound


def test_it_is_exported_to_onnx(tmp_path: Path) -> None:
    source = loaded(converted(tmp_path / "half.tflite", tf.float16))
    find_route("tflite", "onnx")(source, tmp_path / "net.onnx")
    engine = OnnxruntimeEngine()
    engine.load(str(tmp_path / "net.onnx"), 1)
    assert relative_error(evaluate(engine, data())[0], source.infer(data())[0]) < 1e-5


def test_what_computes_in_float16_between_casts_computes_in_float32(tmp_path: Path) -> None:
    """The network's tail in float16, its output cast up, as a delegate's own files have it."""
    graph = read(converted(tmp_path / "net.tflite"))
    main = graph.subgraphs[0]
    last = int(main.outputs[0])
    for index in (int(main.operators[-1].inputs[0]), last):
        main.tensors[index].type = schema.TensorType.FLOAT16
    up = schema.OperatorT()
    up.opcodeIndex = tflite_codes.index_of(graph, schema.BuiltinOperator.DEQUANTIZE)
    main.tensors.append(schema.TensorT())
    main.tensors[-1].name, main.tensors[-1].shape = b"up", main.tensors[last].shape
    main.tensors[-1].type = schema.TensorType.FLOAT32
    up.inputs, up.outputs = np.asarray([last], np.int32), np.asarray([len(main.tensors) - 1], np.int32)
    main.operators.append(up)
    main.outputs = up.outputs
    for entry in graph.signatureDefs[0].outputs:
        entry.tensorIndex = len(main.tensors) - 1
    half = tmp_path / "half.tflite"
    flatbuffer_utils.write_model(graph, str(half))

    widened = tflite_weights.in_float32(half)
    found = read(widened)
    assert not any(dtype(found, each, i) == "float16" for each in walk(found) for i in (*each.inputs, *each.outputs))
    ours, theirs = LitertEngine(), LitertEngine()
    ours.load(str(widened), 1)
    theirs.load(str(tmp_path / "net.tflite"), 1)
    assert np.array_equal(evaluate(ours, data())[0], evaluate(theirs, data())[0])


def test_a_float32_file_is_itself_and_a_quantized_one_no_source(tmp_path: Path) -> None:
    plain = loaded(converted(tmp_path / "net.tflite"))
    assert float_file(plain) == plain.module
    made = TfliteBuilder(plain, {}, tmp_path).build(load_recipes()["int8-dynamic"], None, tmp_path / "int8.tflite")
    with pytest.raises(UnsupportedRecipe, match=r"quantized already .it holds tensors of int8"):
        float_file(loaded(made.file))
