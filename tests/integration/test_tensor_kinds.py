"""Tensors as models have them: every dtype and rank, no batch or one on another axis, lengths that the data decides,
axes that a file leaves open; as files that are run as they are, and as sources of each format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edgerig.api import plan, sweep
from edgerig.build.datasets.index_bounds import below
from edgerig.build.datasets.indices_onnx import steps as onnx_steps
from edgerig.build.datasets.indices_tensorflow import steps as tensorflow_steps
from edgerig.build.datasets.indices_tflite import steps as tflite_steps
from edgerig.build.datasets.indices_torch import steps as torch_steps
from edgerig.build.ready import inspect
from edgerig.build.source import SourceModel, load_source
from edgerig.errors import BuildError
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluated
from edgerig.spec import ModelSpec, TensorSpec, load_engines, load_formats, load_models

pytestmark = pytest.mark.integration

DTYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
}


def onnx_file(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[int | str]]],
    outputs: dict[str, tuple[int, list[int | str]]],
    constants: dict[str, np.ndarray] | None = None,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in inputs.items()],
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def tflite_file(path: Path, module: nn.Module, *samples: torch.Tensor) -> Path:
    import litert_torch

    litert_torch.convert(module.eval(), samples).export(str(path))
    return path


def pte_file(path: Path, module: nn.Module, *samples: torch.Tensor) -> Path:
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(module.eval(), samples)
    path.write_bytes(to_edge_transform_and_lower(program).to_executorch().buffer)
    return path


def run(path: Path, *inputs: np.ndarray, shapes: dict[str, tuple[int, ...]] | None = None) -> list[np.ndarray]:
    """The file's outputs on samples, as a device gives them."""
    (spec,) = load_models(str(path)).values()
    format_spec = load_formats()[spec.source]
    _, given = inspect(path, format_spec, spec=spec.model_copy(update={"shapes": shapes or {}}))
    engine = engines.create(load_engines()[format_spec.engine].module, {})
    engines.load(engine, str(path), 1, given)
    return evaluated(engine, list(inputs)).arrays


class Passed(nn.Module):
    """Gives the input, changed little, in its own dtype, and a number without axes."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.cat([x, x], 0), x.to(torch.float32).sum()


def drawn(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        bounds = np.iinfo(dtype)
        return rng.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_takes_and_gives_every_dtype_as_it_is(tmp_path: Path, dtype: str) -> None:
    kind = DTYPES[dtype]
    file = onnx_file(
        tmp_path / "net.onnx",
        [helper.make_node("Concat", ["x", "x"], ["y"], axis=0)],
        {"x": (kind, [1, 4])},
        {"y": (kind, [2, 4])},
    )
    x = drawn(dtype, (5, 4))
    (y,) = run(file, x)
    assert y.dtype == (np.float32 if dtype == "float16" else x.dtype)
    np.testing.assert_array_equal(y, np.stack([x, x], axis=1).astype(y.dtype))


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "bool", "uint8", "int8"])
def test_executorch_takes_and_gives_dtypes_as_they_are(tmp_path: Path, dtype: str) -> None:
    x = drawn(dtype, (5, 4))
    file = pte_file(tmp_path / "net.pte", Passed(), torch.from_numpy(x[:1]))
    twice, total = run(file, x)
    np.testing.assert_array_equal(twice, np.stack([x, x], axis=1))
    assert total.shape == (5,)
    np.testing.assert_allclose(total, x.astype(np.float32).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_tflite_takes_and_gives_dtypes_as_they_are(tmp_path: Path, dtype: str) -> None:
    x = drawn(dtype, (5, 4))
    file = tflite_file(tmp_path / "net.tflite", Passed(), torch.from_numpy(x[:1]))
    twice, total = run(file, x)
    np.testing.assert_array_equal(twice, np.stack([x, x], axis=1))
    np.testing.assert_allclose(total, x.astype(np.float32).sum(axis=1), rtol=1e-5)


class Scaled(nn.Module):
    """State with its batch on axis 1, by a number without axes."""

    def forward(self, state: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        return state * by


@pytest.mark.parametrize("make", [pte_file, tflite_file])
def test_a_state_with_its_batch_on_axis_one_and_a_scalar(tmp_path: Path, make: object) -> None:
    suffix = "pte" if make is pte_file else "tflite"
    state, by = drawn("float32", (3, 2, 1, 4)), drawn("float32", (3,))
    assert callable(make)
    file = make(tmp_path / f"net.{suffix}", Scaled(), torch.from_numpy(state[0]), torch.from_numpy(by[0:1])[0])
    (found,) = run(file, state, by)
    np.testing.assert_allclose(found, state * by[:, None, None, None], rtol=1e-6)
    (again,) = run(file, state.reshape(3, 2, 4), by)
    np.testing.assert_array_equal(again, found)


def test_text_is_refused_by_name(tmp_path: Path) -> None:
    file = onnx_file(
        tmp_path / "net.onnx",
        [helper.make_node("Identity", ["words"], ["y"])],
        {"words": (TensorProto.STRING, [1, 2])},
        {"y": (TensorProto.STRING, [1, 2])},
    )
    with pytest.raises(BuildError, match=r'tensor "words": tensor\(string\) is not supported') as caught:
        run(file)
    assert "whole" not in caught.value.hint


def test_lengths_that_the_data_decides(tmp_path: Path) -> None:
    file = onnx_file(
        tmp_path / "net.onnx",
        [helper.make_node("NonZero", ["x"], ["y"])],
        {"x": (TensorProto.FLOAT, [1, 4])},
        {"y": (TensorProto.INT64, [2, "n"])},
    )
    places, lengths = run(file, np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], np.float32))
    assert places.shape == (3, 2, 2)
    assert places[0].tolist() == [[0, 0], [1, 3]]
    assert lengths.tolist() == [[2, 2], [2, 0], [2, 1]]


def open_onnx(path: Path) -> Path:
    return onnx_file(
        path,
        [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)],
        {"x": (TensorProto.FLOAT, ["?", 3, "?", "?"])},
        {"y": (TensorProto.FLOAT, ["?", 3])},
        {"axes": np.array([2, 3])},
    )


def open_tflite(path: Path) -> Path:
    import tensorflow as tf

    def forward(x: object) -> object:
        windows = tf.reshape(x, [1, -1, 6])  # of no length 1: the place holder of an open axis is none it runs with
        return tf.reduce_sum(windows, axis=1)

    net = tf.Module()
    net.forward = tf.function(forward, input_signature=[tf.TensorSpec([1, None, 3], tf.float32, name="x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([net.forward.get_concrete_function()], net)
    path.write_bytes(converter.convert())
    return path


def test_axes_of_one_name_are_given_lengths_of_their_own(tmp_path: Path) -> None:
    file = open_onnx(tmp_path / "net.onnx")
    x = drawn("float32", (2, 3, 5, 7))
    (y,) = run(file, x, shapes={"x": (1, 3, 5, 7)})
    np.testing.assert_allclose(y, x.sum(axis=(2, 3)), rtol=1e-5)
    (spec,) = load_models(str(file), quantize=True).values()
    source = load_source(spec.model_copy(update={"shapes": {"x": (1, 3, 5, 7)}}))
    assert [tensor.shape for tensor in (*source.spec.inputs, *source.spec.outputs)] == [(1, 3, 5, 7), (1, 3)]
    np.testing.assert_allclose(source.infer([x])[0], y, rtol=1e-5)


def test_a_tflite_file_is_resized_before_it_is_given_memory(tmp_path: Path) -> None:
    file = open_tflite(tmp_path / "net.tflite")
    (spec,) = load_models(str(file), quantize=True).values()
    with pytest.raises(BuildError, match=r"dynamic shape \[1, -1, 3\]") as caught:
        load_source(spec)
    name = caught.value.message.split('"')[1]
    assert f"--shape {name}=1xNx3" in caught.value.hint
    x = drawn("float32", (2, 8, 3))
    expected = x.reshape(2, 4, 6).sum(axis=1)
    np.testing.assert_allclose(run(file, x, shapes={name: (1, 8, 3)})[0], expected, rtol=1e-5)
    source = load_source(spec.model_copy(update={"shapes": {name: (1, 8, 3)}}))
    assert [tensor.shape for tensor in (*source.spec.inputs, *source.spec.outputs)] == [(1, 8, 3), (1, 6)]
    np.testing.assert_allclose(source.infer([x])[0], expected, rtol=1e-5)
    described, given = inspect(source.module, load_formats()["tflite"])
    assert (described.inputs[0].shape, given) == ((1, 8, 3), ())


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"y": (1, 3, 5, 7)}, 'it has no input "y"'),
        ({"x": (1, 3)}, "has 4 axes"),
        ({"x": (1, 4, 5, 7)}, "is \\['\\?', 3, '\\?', '\\?'\\] in the file"),
    ],
)
def test_a_shape_that_the_file_cannot_have_is_named(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(BuildError, match=said):
        run(open_onnx(tmp_path / "net.onnx"), shapes=shapes)


class Tables(nn.Module):
    """Ids into a table of 50 rows beside types into one of 2."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.kinds = nn.Embedding(50, 8), nn.Embedding(2, 8)

    def forward(self, ids: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        return (self.words(ids + 3) + self.kinds(kinds)).mean(1)


def tables_spec(source: str, path: Path) -> ModelSpec:
    inputs = tuple(TensorSpec(name=name, shape=(1, 6), dtype="int64") for name in ("ids", "kinds"))
    return ModelSpec(name="m", source=source, file=path, inputs=inputs, no_accuracy_reason="a test")


def test_the_tables_an_index_looks_into_bound_it_in_torch(tmp_path: Path) -> None:
    sample = [np.zeros((1, 6), np.int64)] * 2
    spec = tables_spec("torch", tmp_path / "net.pt2")
    assert below(torch_steps(SourceModel(spec, Tables().eval(), list, sample)))["ids"] == 47
    assert below(torch_steps(SourceModel(spec, Tables().eval(), list, sample)))["kinds"] == 2


def test_the_tables_an_index_looks_into_bound_it_in_files(tmp_path: Path) -> None:
    sample = tuple(torch.zeros((1, 6), dtype=torch.int64) for _ in range(2))  # one tensor would be one input
    tflite = tflite_file(tmp_path / "net.tflite", Tables(), *sample)
    names = [tensor.name for tensor in inspect(tflite, load_formats()["tflite"])[0].inputs]
    bounds = below(tflite_steps(SourceModel(tables_spec("tflite", tflite), tflite, list)))
    assert [bounds[name] for name in names] == [47, 2]
    program = torch.onnx.export(Tables().eval(), sample, dynamo=True, input_names=["ids", "kinds"], verbose=False)
    assert program is not None
    program.save(str(tmp_path / "net.onnx"))
    found = below(onnx_steps(SourceModel(tables_spec("onnx", tmp_path / "net.onnx"), tmp_path / "net.onnx", list)))
    assert (found["ids"], found["kinds"]) == (47, 2)


def test_the_tables_an_index_looks_into_bound_it_in_keras(tmp_path: Path) -> None:
    import keras

    ids = keras.Input((6,), dtype="int32", name="ids")
    model = keras.Model(ids, keras.layers.Dense(3)(keras.layers.Embedding(30, 4)(ids)))
    model.save(tmp_path / "net.keras")
    (spec,) = load_models(str(tmp_path / "net.keras")).values()
    assert below(tensorflow_steps(load_source(spec)))["ids"] == 30


def test_a_sweep_over_shapes_has_a_cell_for_each(tmp_path: Path) -> None:
    file = open_onnx(tmp_path / "net.onnx")
    toml = tmp_path / "sweep.toml"
    toml.write_text(
        f'models = ["{file}"]\nout = "{tmp_path}/reports"\n[[shapes]]\nx = [1, 3, 5, 7]\n[[shapes]]\nx = [1, 3, 2, 2]\n'
        "[run]\nrepeats = 1\nmin_runs = 5\nmin_seconds = 0.0\nattempts = 1\n",
        encoding="utf-8",
    )
    results = sweep(plan(toml)).results
    found = {cell.id: (cell.status, cell.shapes) for cell in results.cells}
    assert found == {
        "net+x=1x3x5x7-onnx-onnx-as-is@local/t1": ("ok", {"x": (1, 3, 5, 7)}),
        "net+x=1x3x2x2-onnx-onnx-as-is@local/t1": ("ok", {"x": (1, 3, 2, 2)}),
    }
    assert {record.model for record in results.models.values()} == {"net+x=1x3x5x7", "net+x=1x3x2x2"}
    written = json.loads(next((tmp_path / "reports").glob("*/results.json")).read_text(encoding="utf-8"))
    assert written["cells"][0]["shapes"] == {"x": [1, 3, 5, 7]}
