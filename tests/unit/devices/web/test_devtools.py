"""The developer tools of a browser that says what it likes: real sockets, a made-up browser behind them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edgerig.devices.web import devtools
from edgerig.devices.web.place import Place

serve = pytest.importorskip("websockets.sync.server", reason="needs websockets").serve
Reply = Callable[[dict[str, Any]], list[str]]


def as_asked(command: dict[str, Any]) -> list[str]:
    """What a browser answers, and the end of a page's loading."""
    found = [json.dumps({"id": command["id"], "result": {}})]
    if command["method"] == "Page.navigate":
        found.append(json.dumps({"method": "Page.loadEventFired", "params": {"timestamp": 1.0}}))
    return found


@contextlib.contextmanager
def browser(reply: Reply, tab: object = None) -> Iterator[tuple[Place, list[str]]]:
    """What leads to it, and what it is asked for over HTTP."""
    asked: list[str] = []

    def talk(socket: Any) -> None:
        for message in socket:
            for answer in reply(json.loads(message)):
                socket.send(answer)

    with serve(talk, "127.0.0.1", 0) as sockets:
        number = sockets.socket.getsockname()[1]
        told = {"id": "T", "url": "about:blank", "webSocketDebuggerUrl": "ws://127.0.0.1/devtools/page/T"}

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                asked.append(self.path)
                body = json.dumps(told if tab is None else tab).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_PUT()

            def log_message(self, format: str, *args: object) -> None:
                return None

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as pages:
            threads = [threading.Thread(target=each.serve_forever, daemon=True) for each in (sockets, pages)]
            for thread in threads:
                thread.start()
            # A browser has both at one port; here what is asked of the one leads to the other.
            with pytest.MonkeyPatch.context() as patch:
                real = devtools._talking
                patch.setattr(devtools, "_talking", lambda _, found: real(number, found))
                port, folder = str(pages.server_address[1]), Path()
                yield Place([port, "4711"], "http://127.0.0.1:1/s", folder, folder, folder, {}), asked
            sockets.shutdown()
            pages.shutdown()


def test_the_page_is_opened_at_the_devices_port_and_its_tab_is_closed() -> None:
    commands: list[dict[str, Any]] = []

    def reply(command: dict[str, Any]) -> list[str]:
        commands.append(command)
        return as_asked(command)

    with browser(reply) as (place, asked):
        devtools.run(place)
    (where,) = (each["params"]["url"] for each in commands if each["method"] == "Page.navigate")
    assert where == "http://127.0.0.1:4711/s/page.html"
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
    with browser(answering(method, answer)) as (place, asked):
        with pytest.raises(RuntimeError, match=words):
            devtools.run(place)
        assert asked[-1] == "/json/close/T"


@pytest.mark.parametrize("tab", [[], {"id": 3}, {"id": "T", "url": "about:blank"}])
def test_a_tab_that_is_none_is_refused(tab: object) -> None:
    with browser(as_asked, tab) as (place, _), pytest.raises(RuntimeError, match="the browser tells no"):
        devtools.run(place)


def test_what_the_console_says_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"args": [{"value": "loaded"}, {"description": "Error: odd"}, 3]}

    def reply(command: dict[str, Any]) -> list[str]:
        heard = [json.dumps({"method": "Runtime.consoleAPICalled", "params": said})]
        return [*(heard if command["method"] == "Page.enable" else []), *as_asked(command)]

    with browser(reply) as (place, _):
        devtools.run(place)
    assert "loaded Error: odd" in capsys.readouterr().err


def test_a_port_that_nobody_listens_on_is_no_browser() -> None:
    with browser(as_asked) as (place, _):
        pass
    with pytest.raises(RuntimeError, match="ended before the run did"):
        devtools.run(place)
