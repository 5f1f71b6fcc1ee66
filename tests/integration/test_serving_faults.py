"""Servers that are wrong in one way each: what becomes of the cell. They are imitations, of a protocol's document."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import served

from edgerig import process
from edgerig.devices import open_device
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.serving.findings import host_findings
from edgerig.devices.serving.link import Link, Question
from edgerig.devices.serving.load import under_load
from edgerig.errors import DeviceError, EdgerigError, RunError, RunTimeout, UnparsableOutput, Unreachable
from edgerig.measure.raw import Raw, read_raw
from edgerig.measure.served import served as concluded
from edgerig.measure.sustained import sustained

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
        disable_nagle_algorithm = True  # an answer is two writes: the second is not to wait for a delayed ACK

        def do_GET(self) -> None:
            self.do_POST()

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


def run(url: str, folder: Path, settings: Mapping[str, float] | None = None, **keys: object) -> Raw:
    few = {"load_requests": 40, "load_seconds": 30.0, "warmup_seconds": 0.0, "request_timeout_s": 30.0}
    names = {"name": "d", "kind": "serving", "server": "tfserving", "model": "half_plus_two", "url": url}
    with open_device(ServingDevice.model_validate({**few, **names, **keys})) as device:
        job = served.job(folder / "none", folder / "raw")
        device.execute(replace(job, settings=job.settings.model_copy(update=settings or {})))
    return read_raw(folder / "raw", served.CELL)


def test_a_tensorflow_server_gives_a_whole_cell(tmp_path: Path) -> None:
    with answering(half_plus_two) as url:
        raw = run(url, tmp_path, concurrency=(1, 3))
    np.testing.assert_allclose(raw.outputs[0], served.X / 2 + 2, rtol=1e-6)
    found = concluded(raw)
    assert found.timed == "round trip"
    assert (raw.run.load_ns, raw.run.runtime_import_ns, raw.run.first_inference_ns) == (None, None, None)
    assert "another machine's" in raw.run.controls.reason
    assert not raw.run.controls.clock_ns
    assert "does not see into" in sustained(raw.sustained or raw.run.sustained, asked=True).reason
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
    request.close_connection = True  # whoever has waited so long sees an end, no deadline
    for _ in range(40):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def headers_without_end(request: BaseHTTPRequestHandler, _: int) -> None:
    """A byte of a header every moment, and never the answer."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    request.close_connection = True
    for _ in range(40):
        request.wfile.write(b"a")
        request.wfile.flush()
        time.sleep(0.1)


def continues(request: BaseHTTPRequestHandler, _: int) -> None:
    """ "Go on" for ever, which is no answer either."""
    end = time.monotonic() + 4
    request.close_connection = True
    while time.monotonic() < end:
        request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def another_model(request: BaseHTTPRequestHandler, _: int) -> None:
    say(request, 200, b'{"outputs": [[1.0, 2.0]]}')


def dies(request: BaseHTTPRequestHandler, number: int) -> None:
    if number > 8:
        request.connection.shutdown(socket.SHUT_RDWR)
    else:
        half_plus_two(request, number)


@pytest.mark.parametrize(
    ("answer", "error", "why", "request_timeout_s"),
    [
        (refuses, RunError, "answered 500: .*the model exploded", 30.0),
        (never, RunTimeout, "did not answer within 1 s", 1.0),
        (trickles, RunTimeout, "did not answer within 1 s", 1.0),
        (headers_without_end, RunTimeout, "did not answer within 1 s", 1.0),
        (continues, RunTimeout, "did not answer within 1 s", 1.0),
        (another_model, UnparsableOutput, r"came as \(1, 2\)", 30.0),
        (dies, RunError, "broke off", 30.0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_faulty_server_is_the_cells_reason(
    tmp_path: Path, answer: Answer, error: type[EdgerigError], why: str, request_timeout_s: float
) -> None:
    with answering(answer) as url, pytest.raises(error, match=why):
        run(url, tmp_path, request_timeout_s=request_timeout_s)


def silent_from_the_tenth(request: BaseHTTPRequestHandler, number: int) -> None:
    if number < 10:
        half_plus_two(request, number)
    else:
        time.sleep(6)


def test_a_cell_ends_at_its_own_deadline_whatever_a_request_may_take(tmp_path: Path) -> None:
    begin = time.monotonic()
    with answering(silent_from_the_tenth) as url, pytest.raises(RunTimeout, match="deadline of 1 s"):
        run(url, tmp_path, {"timeout_s": 1.0})
    assert time.monotonic() - begin < 5


def test_a_cell_ends_at_its_deadline_under_load_too(tmp_path: Path) -> None:
    def silent_under_load(request: BaseHTTPRequestHandler, number: int) -> None:
        if number <= 3 + 20 + 5:
            half_plus_two(request, number)
        else:
            time.sleep(6)

    with answering(silent_under_load) as url, pytest.raises(RunTimeout, match="deadline of 2 s"):
        run(url, tmp_path, {"timeout_s": 2.0}, concurrency=(3,))


def test_a_sweep_that_is_stopped_waits_for_no_answer(tmp_path: Path) -> None:
    scope, silent = process.Scope(), threading.Event()

    def told(request: BaseHTTPRequestHandler, number: int) -> None:
        if number >= 10:
            silent.set()
        silent_from_the_tenth(request, number)

    def stop() -> None:
        silent.wait(30)
        scope.stop()

    stops = threading.Thread(target=stop)
    stops.start()
    begin = time.monotonic()
    with answering(told) as url, scope.entered(), pytest.raises(process.Stopped):
        run(url, tmp_path)
    stops.join()
    assert time.monotonic() - begin < 5


def test_a_connection_the_server_closed_while_it_was_idle_costs_nothing(tmp_path: Path) -> None:
    """As Java's and Python's servers do after some seconds: the link that was timed idles while others load."""

    def closes(request: BaseHTTPRequestHandler, number: int) -> None:
        half_plus_two(request, number)
        request.close_connection = number % 5 == 0  # unannounced

    with answering(closes) as url:
        raw = run(url, tmp_path, concurrency=(1,))
    np.testing.assert_allclose(raw.outputs[0], served.X / 2 + 2, rtol=1e-6)
    assert concluded(raw).loads[0].failed == 0


def ends(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def resets(request: BaseHTTPRequestHandler) -> None:
    time.sleep(0.2)  # what was sent has been read by then: a reset discards the rest
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(request.connection.detach())  # the stream's own hold on it would keep it open


@pytest.mark.parametrize(
    ("part", "how", "why"),
    [
        (b"Content-Le", ends, "broke off: IncompleteRead"),
        (b"\r\n", ends, "broke off: IncompleteRead"),
        (b'Content-Length: 30\r\n\r\n{"outputs": [[1.0', ends, "broke off: IncompleteRead"),
        (b"Content-Le", resets, "broke off: ConnectionResetError"),
    ],
)
def test_an_answer_that_breaks_off_is_none_and_is_not_asked_for_again(
    tmp_path: Path, part: bytes, how: Callable[[BaseHTTPRequestHandler], None], why: str
) -> None:
    asked: list[int] = []

    def breaks_off(request: BaseHTTPRequestHandler, number: int) -> None:
        asked.append(number)
        if number < 9:
            return half_plus_two(request, number)
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + part)
        return how(request)

    with answering(breaks_off) as url, pytest.raises(RunError, match=why):
        run(url, tmp_path)
    assert len(asked) == 9


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_kserve_server_without_tritons_statistics(tmp_path: Path, status: int) -> None:
    """The protocol has none; which status says so is each server's own choice (OpenVINO Model Server: 400)."""

    def answer(request: BaseHTTPRequestHandler, _: int) -> None:
        if request.path.endswith("/stats"):
            return say(request, status, b'{"error": "Invalid request URL"}')
        asked = json.loads(request.rfile.read(int(request.headers["Content-Length"])))["inputs"][0]
        output = {**asked, "name": "y", "data": [value / 2 + 2 for value in asked["data"]]}
        return say(request, 200, json.dumps({"outputs": [output]}).encode())

    with answering(answer) as url:
        raw = run(url, tmp_path, server="kserve", concurrency=())
    assert concluded(raw).timed == "round trip"
    assert "does not tell" in concluded(raw).reason


def default_handler(told: list[str | None]) -> Answer:
    """TorchServe's own, which notes the token it is told."""

    def answer(request: BaseHTTPRequestHandler, _: int) -> None:
        told.append(request.headers["Authorization"])
        asked = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        say(request, 200, json.dumps((np.array(asked) / 2 + 2).tolist()).encode())

    return answer


def test_a_token_goes_to_the_server_it_is_for_and_to_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours: list[str | None] = []
    theirs: list[str | None] = []
    with answering(default_handler(ours)) as mine, answering(default_handler(theirs)) as foreign:
        monkeypatch.setenv("EDGERIG_SERVING_TOKEN", f"https://elsewhere.example other {mine} secret")
        for number, url in enumerate((f"{mine}/v1", foreign)):
            run(url, tmp_path / str(number), server="torchserve", concurrency=())
    assert set(ours) == {"Bearer secret"}
    assert set(theirs) == {None}
    assert theirs


def test_a_token_that_does_not_say_whose_it_is_is_sent_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    with answering(default_handler(told)) as url:
        monkeypatch.setenv("EDGERIG_SERVING_TOKEN", "secret")
        with pytest.raises(DeviceError, match="does not say which server") as caught:
            run(url, tmp_path, server="torchserve")
        assert caught.value.hint.endswith(f"EDGERIG_SERVING_TOKEN='{url} TOKEN'")
        (finding,) = host_findings(ServingDevice(name="d", kind="serving", server="torchserve", url=url))
    assert (finding.ok, finding.fix) == (False, caught.value.hint)
    assert told == []


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


class SlowToConnect(Link):
    """As over a line with long round trips, or with TLS."""

    def _connect(self) -> socket.socket:
        time.sleep(0.3)
        return super()._connect()


def test_making_a_connection_is_in_no_clients_time() -> None:
    question = Question("/", b"{}")

    def said(request: BaseHTTPRequestHandler, _: int) -> None:
        request.rfile.read(int(request.headers["Content-Length"]))
        say(request, 200, b"{}")

    with answering(said) as url:
        found = under_load(lambda: SlowToConnect(url, 5.0, 1000), question, 2, 6, 5.0)
    assert (found.requests, found.failed) == (6, 0)
    assert found.p99_ns is not None
    assert max(found.p99_ns, found.wall_ns) < 0.3e9


def test_a_client_without_a_connection_has_failed_and_keeps_none_waiting() -> None:
    with answering(half_plus_two) as url:
        pass
    found = under_load(lambda: Link(url, 1.0, 1000), Question("/", b"{}"), 2, 6, 5.0)
    assert (found.requests, found.failed, found.p50_ns) == (0, 2, None)
    assert "no server answers at" in found.reason


def test_no_java_is_said_before_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    device = ServingDevice(name="d", kind="serving", server="torchserve")
    with pytest.raises(DeviceError, match="needs Java 17"), open_device(device):
        pass
