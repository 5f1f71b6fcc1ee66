"""How servers are asked and what is made of their answers, by exchanges as the protocols' documents have them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.kserve import KServe
from edgerig.devices.serving.link import Reply
from edgerig.devices.serving.protocol import Dialect, Told
from edgerig.devices.serving.tfserving import TfServing
from edgerig.devices.serving.torchserve import TorchServe
from edgerig.errors import ConfigError, RunError, UnparsableOutput
from edgerig.ondevice.engines import TensorInfo
from edgerig.ondevice.served import v2
from edgerig.spec import parse

X = np.array([[1.0, 2.0, 5.0]], np.float32)
Y = TensorInfo("y", (1, 3), "float32")


def reply(body: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(200, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("dtype", sorted(v2.DATATYPES.values()))
@pytest.mark.parametrize("binary", [True, False])
def test_a_tensor_of_every_type_travels_unchanged(dtype: str, binary: bool) -> None:
    sent = (
        np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype) if dtype == "bool" else np.arange(6).reshape(2, 3).astype(dtype)
    )
    body, json_bytes = v2.request([("x", sent), ("none", sent[:0])], binary=binary)
    got = v2.read_request(body, json_bytes)
    assert list(got) == ["x", "none"]
    assert got["x"].dtype == sent.dtype
    np.testing.assert_array_equal(got["x"], sent)
    assert got["none"].shape == (0, 3)
    assert (json_bytes is None) is not binary


def test_real_numbers_travel_exactly_as_text_too() -> None:
    sent = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    np.testing.assert_array_equal(v2.read_request(*v2.request([("x", sent)], binary=False))["x"], sent)


def told(tensor: str) -> bytes:
    return b'{"outputs": [{"name": "y", %s}]}' % tensor.encode()


@pytest.mark.parametrize(
    ("head", "behind", "why"),
    [
        (b"[]", b"", "TypeError"),
        (b'{"outputs": []}', b"", "no list"),
        (told('"shape": [1, 3], "datatype": "FP32", "data": [1]'), b"", "1 values"),
        (told('"shape": [-1], "datatype": "FP32", "data": [1]'), b"", "shape"),
        (told('"shape": [99999999999], "datatype": "FP32", "data": [1]'), b"", "shape"),
        (told('"shape": [1], "datatype": "BYTES", "data": ["a"]'), b"", "datatype"),
        (told('"shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}'), b"1234", "8 bytes"),
        (told('"shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 4}'), b"1234", "4 bytes"),
        (told('"shape": [1], "datatype": "FP32", "data": [1]'), b"more", "4 bytes more"),
    ],
)
def test_a_body_that_is_none_of_the_protocol_is_refused(head: bytes, behind: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        v2.read_response(head + behind, len(head))


@pytest.mark.parametrize("length", [0, -1, 3])
def test_no_more_of_a_body_is_json_than_there_is(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} bytes of JSON in a body of 2"):
        v2.read_response(b"{}", length)


def test_tensorflow_serving_as_its_document_has_it() -> None:
    """https://www.tensorflow.org/tfx/serving/api_rest: half_plus_two, in the column format."""
    server = TfServing("half_plus_two")
    asked = server.predict([("x", X)])
    assert asked.path == "/v1/models/half_plus_two:predict"
    assert json.loads(asked.body or b"") == {"inputs": [[1.0, 2.0, 5.0]]}
    (got,) = server.outputs(reply({"outputs": [[2.5, 3.0, 4.5]]}), [Y])
    assert got.dtype == np.float32
    assert got.tolist() == [[2.5, 3.0, 4.5]]
    assert server.statistics() is None


def test_of_several_outputs_each_is_found_by_its_name() -> None:
    wanted = [Y, TensorInfo("z", (1, 1), "int64")]
    y, z = TfServing("m").outputs(reply({"outputs": {"z": [[7]], "y": [[1, 2, 3]]}}), wanted)
    assert (y.tolist(), z.tolist(), z.dtype.name) == ([[1, 2, 3]], [[7]], "int64")


@pytest.mark.parametrize(
    ("server", "answer", "why"),
    [
        (TfServing("m"), {"error": "Malformed request"}, 'no "outputs"'),
        (TfServing("m"), b"<html>", "no JSON"),
        (TfServing("m"), {"outputs": [[1.0, 2.0]]}, r"came as \(1, 2\)"),
        (TfServing("m"), {"outputs": [["a", "b", "c"]]}, "no tensor of numbers"),
        (TfServing("m"), {"outputs": [[1.0], [2.0, 3.0]]}, "no tensor"),
        (TfServing("m"), {"outputs": {"a": [1], "b": [2]}}, "not the file's outputs"),
        (KServe("m", binary=False, counts=True), {"outputs": "y"}, "KServe v2"),
        (TorchServe("m", ours=False, metrics=False), {"predictions": [1]}, "no tensor of numbers"),
    ],
)
def test_an_answer_that_is_not_the_models_is_refused_with_why(server: Dialect, answer: object, why: str) -> None:
    with pytest.raises(UnparsableOutput, match=why):
        server.outputs(reply(answer), [Y])


def test_what_json_cannot_say_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RunError, match="cannot be sent"):
        TfServing("m").predict([("x", X * np.nan)])
    with pytest.raises(RunError, match="cannot be sent"):
        KServe("m", binary=False, counts=False).predict([("x", X * np.inf)])
    with pytest.raises(RunError, match="2 inputs"):
        TfServing("m").predict([("x", X), ("z", X)])


def test_torchserves_default_handler_takes_a_sample_without_the_batch() -> None:
    server = TorchServe("m", ours=False, metrics=False, token="k")
    asked = server.predict([("x", X)])
    assert json.loads(asked.body or b"") == [1.0, 2.0, 5.0]
    assert asked.headers["Authorization"] == "Bearer k"
    assert server.outputs(reply([4, 5, 6]), [Y])[0].tolist() == [[4, 5, 6]]
    assert "k" not in repr(server).replace("TorchServe", "").replace("metrics", "").replace("token", "")


def test_torchserve_counts_its_own_model_alone() -> None:
    counters = """\
# TYPE ts_inference_latency_microseconds counter
ts_inference_latency_microseconds{model_name="m",model_version="default",hostname="h",} 277989.403
ts_inference_latency_microseconds{model_name="other",model_version="default",hostname="h",} 9.0
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{model_name="m",model_version="default",hostname="h",} 2.0
"""
    server = TorchServe("m", ours=True, metrics=True)
    assert server.told(reply(counters.encode())) == Told(2, 277_989_403)
    unasked = b"# TYPE ts_inference_latency_microseconds counter\n# TYPE ts_inference_requests_total counter\n"
    assert server.told(reply(unasked)) == Told(0, 0)
    with pytest.raises(UnparsableOutput, match="metrics have no"):
        server.told(reply(b"nothing"))


def test_tritons_statistics_are_of_all_versions_together() -> None:
    stats = {"model_stats": [{"inference_stats": {"success": {"count": 3, "ns": 900}}, "version": "1"}] * 2}
    server = KServe("m", binary=True, counts=True)
    assert server.told(reply(stats)) == Told(6, 1800)
    with pytest.raises(UnparsableOutput, match="statistics"):
        server.told(reply({"model_stats": []}))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"server": "tfserving"}, '"url" is missing'),
        ({"server": "torchserve", "url": "http://127.0.0.1:1", "port": 8080}, '"port" is of a server'),
        ({"server": "kserve", "model": "m"}, '"model" goes with "url"'),
        ({"server": "kserve", "url": "http://h:1", "metrics_url": "http://h:2"}, '"metrics_url" goes with'),
        ({"server": "kserve", "url": "ftp://h"}, "url"),
        ({"server": "triton"}, "server"),
    ],
)
def test_a_device_file_that_contradicts_itself_is_refused(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse(ServingDevice, {"name": "d", "kind": "serving", **keys}, "d.toml")
