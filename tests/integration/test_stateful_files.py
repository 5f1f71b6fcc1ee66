"""Networks that keep their state themselves: what a file says of it, when it begins anew, and who is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from recurrent_nets import counting_tflite, lstm_tflite, recurrent_module, recurrent_tflite, svdf_steps, svdf_tflite

from edgerig.build.formats.tflite_ranges import Stream, observe
from edgerig.build.source import load_source
from edgerig.errors import BuildError
from edgerig.ondevice.engines.litert_state import kept
from edgerig.spec import ModelSpec

X = np.random.default_rng(4).standard_normal((9, 4)).astype(np.float32)


def spec(path: Path, source: str, **more: Any) -> ModelSpec:
    known = {"name": "net", "source": source, "file": path, "folder": path.parent, "no_accuracy_reason": "none"}
    return ModelSpec.model_validate(known | more)


def test_a_file_says_what_it_keeps(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    svdf_tflite(path)
    assert kept(str(path), 0) == ["1 state tensor of SVDF"]
    lstm_tflite(path)
    assert kept(str(path), 0) == ["2 state tensors of UNIDIRECTIONAL_SEQUENCE_LSTM"]
    recurrent_tflite(path, variable=True)
    assert kept(str(path), 0) == ["1 variable of the graph"]
    recurrent_tflite(path)
    assert kept(str(path), 0) == []
    path.write_bytes(b"no flatbuffer at all")
    assert kept(str(path), 0) == []


def test_of_two_signatures_the_one_that_keeps_a_sum_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    counting_tflite(path)
    stream = {"reset": "sequence", "length": 3}
    add = load_source(spec(path, "tflite", signature="add", stream=stream))
    assert add.memory is not None
    sums = np.concatenate([X[start : start + 3].cumsum(axis=0) for start in (0, 3, 6)])
    first, rest = add.infer([X[:2]])[0], add.infer([X[2:]])[0]
    np.testing.assert_allclose(np.concatenate([first, rest]), sums, rtol=1e-5)
    plain = load_source(spec(path, "tflite", signature="plain", stream=stream))
    assert plain.memory is None
    np.testing.assert_allclose(plain.infer([X])[0], 2 * X)


def test_a_source_of_a_fused_operator_goes_on_from_call_to_call(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    svdf_tflite(path)
    source = load_source(spec(path, "tflite"))
    found = np.concatenate([source.infer([X[:4]])[0], source.infer([X[4:]])[0]])
    np.testing.assert_allclose(found, svdf_steps(X), rtol=1e-4, atol=1e-5)
    source.restart()
    np.testing.assert_allclose(source.infer([X[:4]])[0], svdf_steps(X[:4]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["variable", "tensor"])
@pytest.mark.parametrize(("anew", "lasts"), [((), 6), ((3,), 3), ((1, 2, 3, 4, 5), 1)])
def test_calibration_begins_anew_where_the_stream_does(
    tmp_path: Path, kind: str, anew: tuple[int, ...], lasts: int
) -> None:
    """Of a file that sums up ones the largest value it has seen tells how long it went on."""
    path = tmp_path / "net.tflite"
    ones = [[np.ones((1, 4), np.float32)] for _ in range(6)]
    if kind == "tensor":
        svdf_tflite(path)
        most = float(svdf_steps(np.ones((lasts, 4), np.float32)).max())
    else:
        counting_tflite(path)
        most = float(lasts)
        path = load_source(spec(path, "tflite", signature="add")).module
    seen = observe(path, Stream(ones, frozenset(anew)))
    outputs = Interpreter(str(path)).get_output_details()
    assert seen[outputs[0]["index"]].largest == pytest.approx(most, rel=1e-5)


def test_what_converters_would_take_for_constants_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input(batch_shape=(1, 3, 4), name="x")
    net = keras.Model(inputs, keras.layers.SimpleRNN(5, stateful=True, name="memory")(inputs))
    net.save(tmp_path / "net.keras")
    with pytest.raises(BuildError, match=r"a call changes its variables .*memory"):
        load_source(spec(tmp_path / "net.keras", "keras"))
    module = recurrent_module()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.run})
    with pytest.raises(BuildError, match="a call changes its variables") as refused:
        load_source(spec(tmp_path / "saved", "saved_model"))
    assert "[[state]]" in str(refused.value.hint)


@keras.saving.register_keras_serializable("test")
class Cached(keras.layers.Layer):
    """Adds what it was called with last, which it keeps in a weight that is not learnt."""

    def build(self, shape: Any) -> None:
        self.last = self.add_weight(shape=tuple(shape), initializer="zeros", trainable=False, name="last")

    def call(self, x: Any) -> Any:
        y = x + self.last
        self.last.assign(x)
        return y


def test_a_cache_in_a_weight_that_is_not_learnt_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input(batch_shape=(1, 3, 4), name="x")
    keras.Model(inputs, Cached(name="cache")(inputs)).save(tmp_path / "net.keras")
    with pytest.raises(BuildError, match=r"a call changes its variables .*last"):
        load_source(spec(tmp_path / "net.keras", "keras"))


def test_a_network_whose_variables_stay_as_they_are_is_none_of_these(tmp_path: Path) -> None:
    inputs = keras.Input(batch_shape=(1, 3, 4), name="x")
    rested = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(inputs))
    keras.Model(inputs, keras.layers.SimpleRNN(5)(rested)).save(tmp_path / "net.keras")
    found: npt.NDArray[Any] = load_source(spec(tmp_path / "net.keras", "keras")).infer([X[:, None].repeat(3, axis=1)])[
        0
    ]
    assert found.shape == (9, 5)
