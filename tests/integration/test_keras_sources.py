"""Keras and SavedModel sources: what loads, what is refused and why, and float files that compute the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from edgerig.build.factory import call_factory
from edgerig.build.routes import keras_to_onnx, keras_to_tflite, saved_model_to_onnx, saved_model_to_tflite
from edgerig.build.source import SourceModel, load_source
from edgerig.build.sources import saved_model as saved_model_source
from edgerig.errors import BuildError
from edgerig.ondevice import engines
from edgerig.ondevice.evaluate import evaluate
from edgerig.spec import PACKAGE, DatasetSpec, ModelSpec, TensorSpec, load_engines, load_models

pytestmark = pytest.mark.integration
L = keras.layers

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
KWS = DATA / "mlperf_tiny" / "keyword_spotting" / "saved_model"
FLOAT_BOUND = 1e-4


def spec(path: Path, source: str = "keras", **more: Any) -> ModelSpec:
    return ModelSpec(name="net", source=source, file=path, no_accuracy_reason="a test", **more)


def inputs_of(model: SourceModel) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((2, *tensor.shape[1:]), dtype=np.float32) for tensor in model.spec.inputs]


def run(engine_name: str, file: Path, inputs: list[Any]) -> tuple[list[Any], Any]:
    engine = engines.create(load_engines()[engine_name].module, {})
    engine.load(str(file), 1)
    return evaluate(engine, inputs), engine.describe()


def image_net() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="photo"),
            L.Conv2D(4, 3, strides=2, padding="same", activation="gelu"),  # TensorFlow's Erfc
            L.BatchNormalization(),
            L.Flatten(),
            L.Dense(3, name="scores"),
        ]
    )


def two_in_two_out() -> Any:
    """Names whose alphabetical order is the reverse of their own, and shapes that cannot be told apart."""
    first, second = keras.Input((4,), name="zeta"), keras.Input((4,), name="alpha")
    return keras.Model([first, second], [L.Dense(3, name="y")(first), L.Dense(3, name="x")(second)])


def dictionaries() -> Any:
    first, second = keras.Input((4,), name="zeta"), keras.Input((6,), name="alpha")
    return keras.Model({"zeta": first, "alpha": second}, {"y": L.Dense(3)(first), "x": L.Dense(5)(second)})


@pytest.mark.parametrize("make", [image_net, two_in_two_out, dictionaries])
@pytest.mark.parametrize(
    ("source", "convert", "engine", "suffix"),
    [
        ("keras", keras_to_tflite.convert, "litert", ".tflite"),
        ("keras", keras_to_onnx.convert, "onnxruntime", ".onnx"),
        ("saved_model", saved_model_to_tflite.convert, "litert", ".tflite"),
        ("saved_model", saved_model_to_onnx.convert, "onnxruntime", ".onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_float_file_computes_the_same_in_the_same_order(
    make: Callable[[], Any], source: str, convert: Any, engine: str, suffix: str, tmp_path: Path
) -> None:
    network = make()
    path = tmp_path / ("net.keras" if source == "keras" else "net")
    network.save(path) if source == "keras" else network.export(path, verbose=False)
    model = load_source(spec(path, source))
    samples = inputs_of(model)
    layout = convert(model, tmp_path / f"float{suffix}")
    assert layout == ("NHWC" if make is image_net else "any")
    outputs, described = run(engine, tmp_path / f"float{suffix}", samples)
    for output, reference in zip(outputs, model.infer(samples), strict=True):
        assert np.abs(output - reference).max() <= FLOAT_BOUND
    assert [tensor.shape for tensor in described.inputs] == [tensor.shape for tensor in model.spec.inputs]
    if engine == "onnxruntime":
        tensors = [*model.spec.inputs, *model.spec.outputs]
        assert [t.name for t in (*described.inputs, *described.outputs)] == [t.name for t in tensors]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_suffix_in_large_letters_is_the_same_file(suffix: str, tmp_path: Path) -> None:
    """Keras knows a file by its suffix in small ones alone."""
    network = image_net()
    network.save(tmp_path / f"net{suffix}")
    large = (tmp_path / f"net{suffix}").rename(tmp_path / f"NET{suffix.upper()}")
    model = load_source(spec(large))
    (samples,) = inputs_of(model)
    (outputs,) = model.infer([samples])
    assert np.abs(outputs - network.predict(samples, verbose=0)).max() <= 1e-5


def test_the_source_infers_what_keras_predicts(tmp_path: Path) -> None:
    network = image_net()
    network.save(tmp_path / "net.h5")
    model = load_source(spec(tmp_path / "net.h5"))
    (samples,) = inputs_of(model)
    (outputs,) = model.infer([samples])
    assert np.abs(outputs - network.predict(samples, verbose=0)).max() <= 1e-5
    assert [(t.name, t.shape, t.layout) for t in (*model.spec.inputs, *model.spec.outputs)] == [
        ("photo", (1, 8, 8, 3), "NHWC"),
        ("scores", (1, 3), "any"),
    ]


def test_the_digits_twins_agree() -> None:
    models = load_models(str(PACKAGE.parent / "models" / "digits_cnn"))
    data = call_factory(models["torch"].folder, "data.py:load")
    (torch_logits,) = load_source(models["torch"]).infer([data["inputs"]])
    keras_model = load_source(models["keras"])
    (keras_logits,) = keras_model.infer([data["inputs"].transpose(0, 2, 3, 1)])
    assert np.abs(torch_logits - keras_logits).max() <= 1e-5
    assert keras_model.module.count_params() == 29_738 + _moving(keras_model.module)


def test_the_mobilenet_twins_agree_at_another_size_too() -> None:
    side = 28
    models = load_models(str(PACKAGE.parent / "models" / "mobilenet_v2"))
    shapes = {"torch": (1, 3, side, side), "keras": (1, side, side, 3)}
    ours, theirs = (
        load_source(models[source].model_copy(update={"shapes": {"image": shape}})) for source, shape in shapes.items()
    )
    images = np.random.default_rng(3).standard_normal((2, 3, side, side), dtype=np.float32)
    (expected,) = ours.infer([images])
    (found,) = theirs.infer([images.transpose(0, 2, 3, 1).copy()])
    assert np.abs(found - expected).max() <= 1e-4
    assert theirs.module.count_params() == 3_504_872 + _moving(theirs.module)


def _moving(network: Any) -> int:
    """Batch norms' statistics: parameters to Keras, buffers to torch."""
    return sum(int(np.prod(weight.shape)) for weight in network.weights if "moving" in weight.path)


def test_an_h5_of_keras_2_with_groups_loads(tmp_path: Path) -> None:
    """The option Keras 2 wrote into these layers and Keras 3 refuses."""
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), L.DepthwiseConv2D(3), L.Conv2DTranspose(4, 2), L.SeparableConv2D(2, 2)]
    )
    file = tmp_path / "old.h5"
    network.save(file)
    with h5py.File(file, "r+") as content:
        config = json.loads(content.attrs["model_config"])
        for layer in config["config"]["layers"][1:]:
            layer["config"]["groups"] = 1
        content.attrs["model_config"] = json.dumps(config)
    with pytest.raises(TypeError, match="groups"):
        keras.saving.load_model(file, compile=False)
    model = load_source(spec(file))
    (samples,) = inputs_of(model)
    assert np.abs(model.infer([samples])[0] - network.predict(samples, verbose=0)).max() <= 1e-5


def test_an_application_is_the_same_in_every_process_and_gives_logits() -> None:
    wanted = ModelSpec(
        name="mobile",
        source="keras",
        application="MobileNet",
        inputs=(TensorSpec(name="image", shape=(1, 32, 32, 3), layout="NHWC"),),
        outputs=(TensorSpec(name="logits", shape=(1, 5)),),
        no_accuracy_reason="random weights",
    )
    first, second = load_source(wanted), load_source(wanted)
    samples = inputs_of(first)
    (once,), (again,) = first.infer(samples), second.infer(samples)
    assert np.allclose(once, again, rtol=1e-5)
    assert np.abs(once).max() > 1e-3 and not np.allclose(once.sum(1), 1, atol=1e-3)
    with pytest.raises(BuildError, match=r"no \"MobileNut\"") as caught:
        load_source(wanted.model_copy(update={"application": "MobileNut"}))
    assert "MobileNetV2" in caught.value.hint


def test_weights_of_a_factory_are_held_against_their_sha256(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import keras\n"
        "def create():\n"
        "    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name='d')])\n"
    )
    trained = call_factory(tmp_path, "net.py:create")
    trained.layers[0].set_weights([np.full((4, 2), 0.5), np.ones(2)])
    trained.save_weights(tmp_path / "net.weights.h5")
    wanted = ModelSpec(
        name="net",
        source="keras",
        factory="net.py:create",
        weights=Path("net.weights.h5"),
        weights_sha256=hashlib.sha256((tmp_path / "net.weights.h5").read_bytes()).hexdigest(),
        folder=tmp_path,
        no_accuracy_reason="a test",
        inputs=(TensorSpec(name="x", shape=(1, 4)),),
        outputs=(TensorSpec(name="y", shape=(1, 2)),),
    )
    assert np.array_equal(load_source(wanted).infer([np.ones((1, 4), np.float32)])[0], [[3, 3]])
    with pytest.raises(BuildError, match="sha256"):
        load_source(wanted.model_copy(update={"weights_sha256": "0" * 64}))


def with_lambda(path: Path) -> None:
    keras.Sequential([keras.Input((3,)), L.Lambda(lambda x: x * 2)]).save(path)


def cut_short(path: Path) -> None:
    image_net().save(path)
    path.write_bytes(path.read_bytes()[:2000])


def weights_only(path: Path) -> None:
    image_net().save_weights(path)


def open_shape(path: Path) -> None:
    keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(2, 3)]).save(path)


@pytest.mark.parametrize(
    ("make", "name", "message", "hint"),
    [
        (with_lambda, "net.keras", "never run", "Lambda"),
        (with_lambda, "net.h5", "never run", "Lambda"),
        (cut_short, "net.keras", "archive", "copy it again"),
        (cut_short, "net.h5", "truncated", "cut short"),
        (weights_only, "net.weights.h5", "No model config", "factory"),
        (open_shape, "net.keras", r"open shape \(\?, \?, \?, 3\)", "shape ="),
        (lambda path: None, "net.keras", "no such file", "path"),
    ],
)
def test_a_file_that_cannot_be_a_source_says_why(
    make: Callable[[Path], Any], name: str, message: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(BuildError, match=message) as caught:
        load_source(spec(path))
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


def test_an_open_shape_is_closed_by_the_spec(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    open_shape(path)
    model = load_source(spec(path, inputs=({"name": "image", "shape": (1, 6, 5, 3), "layout": "NHWC"},)))
    assert [tensor.shape for tensor in model.spec.outputs] == [(1, 4, 3, 2)]


def test_a_folder_that_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"saved_model\.pb"):
        saved_model_source.describe(tmp_path)


def saved_with_an_optimizer(folder: Path) -> None:
    """A network whose object graph names an optimizer of Keras 2, with a slot beside its weights."""
    net = tf.Module()
    net.weights, net.slot, net.optimizer = tf.Variable([[1.0], [2.0]]), tf.Variable([[0.5], [0.5]]), tf.Module()
    serve = tf.function(lambda x: {"y": x @ net.weights}, input_signature=[tf.TensorSpec((None, 2), name="x")])
    tf.saved_model.save(net, str(folder), signatures=serve)
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    named = {child.local_name: child.node_id for child in nodes[0].children}
    optimizer = nodes[named["optimizer"]]
    optimizer.user_object.identifier = "optimizer"
    slot = {"original_variable_node_id": named["weights"], "slot_variable_node_id": named["slot"]}
    optimizer.slot_variables.add(slot_name="momentum", **slot)
    path.write_bytes(saved.SerializeToString())


def test_a_saved_model_needs_no_optimizer(tmp_path: Path) -> None:
    saved_with_an_optimizer(tmp_path / "net")
    before = {path: path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()}
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(str(tmp_path / "net"))
    model = load_source(spec(tmp_path / "net", "saved_model"))
    inputs = [np.array([[3.0, 4.0], [-1.0, 0.5]], np.float32)]
    assert model.infer(inputs)[0].tolist() == [[11.0], [0.0]]
    saved_model_to_tflite.convert(model, tmp_path / "float.tflite")
    assert run("litert", tmp_path / "float.tflite", inputs)[0][0].tolist() == [[11.0], [0.0]]
    assert {path: path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()} == before


@pytest.mark.skipif(not KWS.is_dir(), reason=f"no reference models in {KWS} (set EDGERIG_TEST_DATA)")
def test_a_published_saved_model_with_an_optimizer_knows_its_words() -> None:
    official = np.load(KWS.with_name("kws01.npz"))
    found = load_source(spec(KWS, "saved_model")).infer([official["inputs"][:200].astype(np.float32)])[0]
    assert (found.argmax(axis=1) == official["labels"][:200]).mean() > 0.85  # 12 classes; the published one has 0.9


def test_a_saved_model_that_tensorflow_cannot_read_says_so(tmp_path: Path) -> None:
    saved_with_an_optimizer(tmp_path / "net")
    next((tmp_path / "net" / "variables").glob("*.index")).unlink()
    with pytest.raises(BuildError, match="cannot load it") as caught:
        load_source(spec(tmp_path / "net", "saved_model"))
    assert "load_checkpoint" in caught.value.hint


def test_integer_inputs_stay_integers(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((3,), dtype="int32", name="ids"), L.Embedding(40, 2)]).save(tmp_path / "net.keras")
    model = load_source(spec(tmp_path / "net.keras"))
    assert [(tensor.name, tensor.dtype) for tensor in model.spec.inputs] == [("ids", "int32")]
    ids = [np.array([[0, 17, 39]], np.int32)]
    keras_to_tflite.convert(model, tmp_path / "float.tflite")
    (output,), described = run("litert", tmp_path / "float.tflite", ids)
    assert described.inputs[0].dtype == "int32"
    assert np.array_equal(output, model.infer(ids)[0])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_another_precision_is_rebuilt_in_float32_and_said(policy: str, tmp_path: Path) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        around = L.Bidirectional(L.GRU(3, recurrent_initializer="glorot_uniform"))
        layers = [L.Conv2D(4, 3), L.BatchNormalization(), L.Reshape((36, 4)), around, L.Dense(2)]
        network = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    finally:
        keras.config.set_dtype_policy("float32")
    network.save(tmp_path / "net.keras")
    model = load_source(spec(tmp_path / "net.keras"))
    assert {layer.dtype_policy.name for layer in model.module._flatten_layers()} == {"float32"}
    assert {tensor.dtype for tensor in (*model.spec.inputs, *model.spec.outputs)} == {"float32"}
    assert model.notes == (f"authored in {policy}; rebuilt in float32 with the same weights, which recipes start from",)
    samples = inputs_of(model)
    expected = np.asarray(network.predict(samples[0], verbose=0), np.float32)
    np.testing.assert_allclose(model.infer(samples)[0], expected, atol=0.05)


def test_an_output_that_is_an_input_is_given_back(tmp_path: Path) -> None:
    inputs = keras.Input((6,), name="x")
    hidden = L.Dense(3)(inputs)
    keras.Model(inputs, [inputs, hidden, hidden]).save(tmp_path / "net.keras")
    model = load_source(spec(tmp_path / "net.keras"))
    samples = inputs_of(model)
    same, first, second = model.infer(samples)
    assert np.array_equal(same, samples[0])
    assert np.array_equal(first, second)
    assert len({tensor.name for tensor in model.spec.outputs}) == 3


def test_batch_norms_are_settled_on_the_models_own_data(tmp_path: Path) -> None:
    bright = np.random.default_rng(0).uniform(100, 255, (8, 32, 32, 3)).astype(np.float32)
    np.savez(tmp_path / "data.npz", inputs=bright, labels=np.zeros(8, np.int64), calibration=bright + 1)
    wanted = ModelSpec(
        name="net",
        source="keras",
        application="MobileNet",
        inputs=(TensorSpec(name="image", shape=(1, 32, 32, 3), layout="NHWC", range=(0, 255)),),
        outputs=(TensorSpec(name="logits", shape=(1, 5)),),
        no_accuracy_reason="random weights",
    )
    own = wanted.model_copy(
        update={"folder": tmp_path, "dataset": DatasetSpec(npz=tmp_path / "data.npz"), "dataset_layout": "NHWC"}
    )
    for model in (load_source(wanted), load_source(own)):
        first = next(layer for layer in model.module._flatten_layers() if layer.name == "conv1_bn")
        assert float(np.max(first.moving_variance)) > 100, "settled on noise of variance 1"
    assert np.allclose(load_source(own).infer([bright[:2]])[0], load_source(own).infer([bright[:2]])[0])
