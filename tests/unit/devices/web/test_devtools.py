"""The developer tools of a browser that says what it likes: real sockets, a made-up browser behind them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from edgerig.devices.web import devtools

serve = pytest.importorskip("websockets.sync.server", reason="needs websockets").serve
PAGE = "http://127.0.0.1:4711/" + "s" * 32 + "/page.html"
Reply = Callable[[dict[str, Any]], list[str]]


def as_asked(command: dict[str, Any]) -> list[str]:
    """What a browser answers, and the end of a page's loading."""
    found = [json.dumps({"id": command["id"], "result": {}})]
    if command["method"] == "Page.navigate":
        found.append(json.dumps({"method": "Page.loadEventFired", "params": {"timestamp": 1.0}}))
    return found


@contextlib.contextmanager
def browser(reply: Reply, tab: object = None) -> Iterator[tuple[devtools.Connect, list[str]]]:
    """What connects to it, in the order a page is run in (a tab is opened, talked to, closed), and what it is asked."""
    asked: list[str] = []

    def talk(connection: Any) -> None:
        for message in connection:
            for answer in reply(json.loads(message)):
                connection.send(answer)

    told = {"id": "T", "url": "about:blank", "webSocketDebuggerUrl": "ws://localhost/devtools/page/T"}
    body = json.dumps(told if tab is None else tab).encode()
    with serve(talk, "127.0.0.1", 0) as tools, pages(asked, body) as page:
        thread = threading.Thread(target=tools.serve_forever, daemon=True)
        thread.start()
        number = tools.socket.getsockname()[1]
        ports = iter([page, number, page])
        yield lambda timeout_s: socket.create_connection(("127.0.0.1", next(ports)), timeout_s), asked
        tools.shutdown()
        thread.join()


@contextlib.contextmanager
def pages(asked: list[str], body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Iterator[int]:
    """The port of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_PUT()

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def to(port: int) -> devtools.Connect:
    return lambda timeout_s: socket.create_connection(("127.0.0.1", port), timeout_s)


def test_the_page_is_opened_and_its_tab_is_closed() -> None:
    commands: list[dict[str, Any]] = []

    def reply(command: dict[str, Any]) -> list[str]:
        commands.append(command)
        return as_asked(command)

    with browser(reply) as (connect, asked):
        devtools.run_page(connect, PAGE)
    (where,) = (each["params"]["url"] for each in commands if each["method"] == "Page.navigate")
    assert where == PAGE
    assert commands[-1]["params"]["awaitPromise"] is True
    assert asked == ["/json/new?about:blank", "/json/close/T"]


def answering(method: str, answer: dict[str, Any] | str) -> Reply:
    def reply(command: dict[str, Any]) -> list[str]:
        if command["method"] != method:
            return as_asked(command)
        return [answer if isinstance(answer, str) else json.dumps({"id": command["id"], **answer})]

    return reply


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("Page.navigate", {"result": {"errorText": "net::ERR_CONNECTION_REFUSED"}}, "does not load: net::ERR_CONN"),
        ("Page.enable", {"error": {"code": -32601, "message": "not found"}}, "Page.enable: .*not found"),
        ("Page.enable", {"result": 7}, "ended before the run did: Page.enable was not answered by an object"),
        ("Page.enable", "[1]", "ended before the run did: what was said is no object"),
        ("Page.enable", "{", "ended before the run did: Expecting"),
        ("Page.enable", "x" * (devtools.ANSWER_LIMIT_BYTES + 1), "ended before the run did: .*exceeds limit"),
        (
            "Runtime.evaluate",
            json.dumps({"method": "Inspector.targetCrashed", "params": {}}),
            "the page crashed",
        ),
        (
            "Runtime.evaluate",
            {"result": {"exceptionDetails": {"text": "Uncaught", "exception": {"description": "Error: no script"}}}},
            "Error: no script",
        ),
    ],
)
def test_what_is_no_good_answer_ends_the_run_with_its_words(
    method: str, answer: dict[str, Any] | str, words: str
) -> None:
    with browser(answering(method, answer)) as (connect, asked):
        with pytest.raises(RuntimeError, match=words):
            devtools.run_page(connect, PAGE)
        assert asked[-1] == "/json/close/T"


@pytest.mark.parametrize(
    "tab",
    [
        [],
        {"id": 3},
        {"id": "T", "url": "about:blank"},
        {"id": "T", "url": "about:blank", "webSocketDebuggerUrl": "@127.0.0.1:7/x"},
        {"id": "T", "url": "about:blank", "webSocketDebuggerUrl": "ws://elsewhere/devtools/page/../../x"},
    ],
)
def test_a_tab_that_is_none_is_refused(tab: object) -> None:
    with browser(as_asked, tab) as (connect, _), pytest.raises(RuntimeError, match="the browser opens no tab"):
        devtools.run_page(connect, PAGE)


def test_an_earlier_pages_end_of_loading_is_not_taken_for_ours() -> None:
    """The empty page of a new tab may have said so before ours is asked for."""
    evaluated = threading.Event()
    early = json.dumps({"method": "Page.loadEventFired", "params": {}})

    def reply(command: dict[str, Any]) -> list[str]:
        if command["method"] == "Runtime.evaluate":
            evaluated.set()
        answer = json.dumps({"id": command["id"], "result": {}})
        return [early, answer] if command["method"] == "Page.enable" else [answer]

    with pytest.MonkeyPatch.context() as patch, browser(reply) as (connect, _):
        patch.setattr(devtools, "START_TIMEOUT_S", 0.5)
        with pytest.raises(RuntimeError, match="ended before the run did"):
            devtools.run_page(connect, PAGE)
    assert not evaluated.is_set()


def test_what_the_console_says_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"args": [{"value": "loaded"}, {"description": "Error: odd"}, 3]}

    def reply(command: dict[str, Any]) -> list[str]:
        heard = [json.dumps({"method": "Runtime.consoleAPICalled", "params": said})]
        return [*(heard if command["method"] == "Page.enable" else []), *as_asked(command)]

    with browser(reply) as (connect, _):
        devtools.run_page(connect, PAGE)
    assert "loaded Error: odd" in capsys.readouterr().err


def test_only_pages_of_ours_are_closed() -> None:
    tabs = [
        {"id": "A", "url": "http://127.0.0.1:4711/" + "s" * 32 + "/page.html"},
        {"id": "B", "url": "https://example.org/?http://127.0.0.1:4711/" + "s" * 32 + "/page.html"},
        {"id": "C", "url": "http://127.0.0.1:8080/page.html"},
        {"id": "../json/close/B", "url": "http://127.0.0.1:4711/" + "t" * 32 + "/page.html"},
        {"url": 3},
    ]
    asked: list[str] = []
    with pages(asked, json.dumps(tabs).encode()) as port:
        devtools.close_our_tabs(to(port))
    assert asked == ["/json/list", "/json/close/A", "/json/close/..%2Fjson%2Fclose%2FB"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, b"Could not create new page", "it answers 500: Could not create new page"),
        (302, b"", "it answers 302"),
        (200, b"[" * 200_000, "nested too deeply"),
        (200, b"{", "Expecting"),
        (200, b'{"Browser": 7}', 'the browser tells no "Browser"'),
    ],
)
def test_a_version_that_is_none_is_refused_and_no_address_is_followed(status: int, body: bytes, words: str) -> None:
    asked: list[str] = []
    with pages(asked, body, status, {"Location": "/elsewhere"}) as port, pytest.raises(ValueError, match=words):
        devtools.version(to(port))
    assert asked == ["/json/version"]


def test_a_socket_that_speaks_something_else_is_no_browser() -> None:
    with saying(b"SSH-2.0-OpenSSH_9.2\r\n", 0.0) as port, pytest.raises(ValueError, match="no answer of HTTP"):
        devtools.version(to(port))


def test_an_answer_that_comes_a_byte_at_a_time_has_its_deadline_all_the_same() -> None:
    begin = time.monotonic()
    with saying(b"HTTP/1.1 200 OK\r\n" + b"x" * 1000, 0.1) as port, pytest.raises((OSError, ValueError)):
        devtools.version(to(port), timeout_s=1.0)
    assert time.monotonic() - begin < 10


@contextlib.contextmanager
def saying(words: bytes, pause_s: float) -> Iterator[int]:
    """The port of somebody who says the words to whoever comes, with a pause behind each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def say() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as come:
                come.recv(4096)
                for index in range(len(words)) if pause_s else (0,):
                    come.sendall(words[index : index + 1] if pause_s else words)
                    time.sleep(pause_s)

        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(20)


def test_a_port_that_nobody_listens_on_is_no_browser() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(RuntimeError, match=r"the browser opens no tab .*refused"):
        devtools.run_page(to(port), PAGE)
