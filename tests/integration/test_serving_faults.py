"""Servers that are wrong in one way each: what becomes of the cell. They are imitations, of a protocol's document."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import served

from edgerig.devices import open_device
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.errors import DeviceError, EdgerigError, RunError, RunTimeout, UnparsableOutput, Unreachable
from edgerig.measure.raw import Raw, read_raw
from edgerig.measure.served import served as concluded

pytestmark = pytest.mark.integration
Answer = Callable[[BaseHTTPRequestHandler, int], None]


def say(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def half_plus_two(request: BaseHTTPRequestHandler, _: int) -> None:
    """TensorFlow Serving's own example model, asked as its document has it."""
    asked = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
    assert request.path == "/v1/models/half_plus_two:predict"
    say(request, 200, json.dumps({"outputs": (np.array(asked["inputs"]) / 2 + 2).tolist()}).encode())


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that answers request number n (from 1) of all by `answer`."""
    lock, count = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with lock:
                count[0] += 1
                number = count[0]
            with contextlib.suppress(OSError):  # who asked has gone
                answer(self, number)

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run(url: str, folder: Path, **keys: object) -> Raw:
    few = {"load_requests": 40, "load_seconds": 2.0, "warmup_seconds": 0.0, "request_timeout_s": 1.0}
    names = {"name": "d", "kind": "serving", "server": "tfserving", "model": "half_plus_two", "url": url}
    with open_device(ServingDevice.model_validate({**few, **names, **keys})) as device:
        device.execute(served.job(folder / "none", folder / "raw"))
    return read_raw(folder / "raw", served.CELL)


def test_a_tensorflow_server_gives_a_whole_cell(tmp_path: Path) -> None:
    with answering(half_plus_two) as url:
        raw = run(url, tmp_path, concurrency=(1, 3))
    np.testing.assert_allclose(raw.outputs[0], served.X / 2 + 2, rtol=1e-6)
    found = concluded(raw)
    assert (found.timed, raw.run.load_ns, raw.run.runtime_import_ns) == ("round trip", None, None)
    assert "does not tell" in found.reason
    np.testing.assert_array_equal(raw.samples_ns, raw.round_trips_ns)
    assert [(load.concurrency, load.requests, load.failed) for load in found.loads] == [(1, 40, 0), (3, 40, 0)]
    assert all(load.per_second == pytest.approx(load.requests / load.seconds) for load in found.loads)


def refuses(request: BaseHTTPRequestHandler, _: int) -> None:
    say(request, 500, b'{"error": "the model exploded"}')


def never(request: BaseHTTPRequestHandler, _: int) -> None:
    time.sleep(3)


def trickles(request: BaseHTTPRequestHandler, _: int) -> None:
    """Something every moment, and never all of it: no single read takes long."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    for _ in range(40):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def another_model(request: BaseHTTPRequestHandler, _: int) -> None:
    say(request, 200, b'{"outputs": [[1.0, 2.0]]}')


def dies(request: BaseHTTPRequestHandler, number: int) -> None:
    if number > 8:
        request.connection.shutdown(socket.SHUT_RDWR)
    else:
        half_plus_two(request, number)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (refuses, RunError, "answered 500: .*the model exploded"),
        (never, RunTimeout, "did not answer within 1 s"),
        (trickles, RunTimeout, "did not answer within 1 s"),
        (another_model, UnparsableOutput, r"came as \(1, 2\)"),
        (dies, RunError, "broke off"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_faulty_server_is_the_cells_reason(
    tmp_path: Path, answer: Answer, error: type[EdgerigError], why: str
) -> None:
    with answering(answer) as url, pytest.raises(error, match=why):
        run(url, tmp_path)


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with answering(refuses) as url:
        pass
    with pytest.raises(Unreachable, match="no server answers at"):
        run(url, tmp_path)


def overloaded(request: BaseHTTPRequestHandler, number: int) -> None:
    """Well for as long as it is asked one after the other: 3 and 20 requests; then for one client of three not."""
    if number == 26:
        say(request, 503, b"queue is full")
    else:
        half_plus_two(request, number)


def test_what_fails_under_load_costs_the_load_alone(tmp_path: Path) -> None:
    with answering(overloaded) as url:
        raw = run(url, tmp_path, concurrency=(3,))
    (load,) = concluded(raw).loads
    assert load.failed == 1
    assert "503: queue is full" in load.reason
    assert load.requests == 39
    assert concluded(raw).best is None


def test_no_java_is_said_before_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    device = ServingDevice(name="d", kind="serving", server="torchserve")
    with pytest.raises(DeviceError, match="needs Java 17"), open_device(device):
        pass
