"""A browser's developer tools: the Chrome DevTools Protocol and its HTTP pages, over sockets that are handed in.

Playwright drives no Chrome for Android over them: it would make contexts and set where downloads go, which that Chrome
has no notion of. What is needed here is little: a tab of our own, the page in it, its console, and its end.
(https://chromedevtools.github.io/devtools-protocol, version 1.3)

Nothing the browser says is trusted: answers are bounded in bytes and in time, no address in them is followed, and what
is no answer of the protocol raises ValueError.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgerig import process
from edgerig.devices.adb.shell import cut_stream

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

Socket = socket.socket
Connect = Callable[[float], Socket]
"""A new stream to the tools, made within so many seconds. Raises OSError."""

ANSWER_TIMEOUT_S = 20.0
START_TIMEOUT_S = 60.0
ANSWER_LIMIT_BYTES = 4 * 2**20
SAID_LIMIT = 2000
_OURS = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[A-Za-z0-9_-]{32}/page\.html")
"""A page that some runner of ours serves (`server.py`)."""
_SOCKET_PATH = re.compile(r"/devtools/page/[A-Za-z0-9._-]{1,200}")
_FINISHED = "'finished' in globalThis ? globalThis.finished : Promise.reject(new Error('its script did not load'))"


@dataclass(frozen=True)
class Version:
    """`name` is what the browser calls itself, `package` its app on Android, "" where it does not say."""

    name: str
    package: str


@dataclass(frozen=True)
class Tab:
    """`id` and `url` as the browser names them; `path` is its WebSocket's."""

    id: str
    url: str
    path: str


def version(connect: Connect, timeout_s: float = ANSWER_TIMEOUT_S) -> Version:
    """Raises OSError, ValueError."""
    told = _asked(connect, "GET", "version", timeout_s)
    package = told.get("Android-Package", "") if isinstance(told, dict) else ""
    return Version(_text(told, "Browser")[:200], package[:200] if isinstance(package, str) else "")


def close_our_tabs(connect: Connect) -> None:
    """Those that show a page of ours: whoever opened one may have been killed before closing it, and it computes on.
    Raises OSError, ValueError."""
    found = _asked(connect, "GET", "list", ANSWER_TIMEOUT_S)
    for each in found if isinstance(found, list) else []:
        with contextlib.suppress(ValueError):  # no tab: a worker, or one that another tool looks into
            if _OURS.fullmatch(_text(each, "url")):
                _close(connect, _text(each, "id"))


def run_page(connect: Connect, url: str) -> None:
    """The page in a tab of its own, until its script has finished. Raises RuntimeError when the browser opens none, or
    it or the page ends before the script does."""
    try:
        tab = _of(_asked(connect, "PUT", "new?about:blank", ANSWER_TIMEOUT_S))
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"the browser opens no tab ({_first(error)}): open it once by hand, past its first questions"
        ) from error
    try:
        with _talking(connect, tab) as talk:
            _drive(talk, url)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"the browser or its page ended before the run did: {_first(error)}") from error
    finally:
        with contextlib.suppress(OSError, ValueError):  # it crashed, which is told, or the link was lost
            _close(connect, tab.id)


def _drive(talk: _Talk, url: str) -> None:
    for domain in ("Inspector", "Runtime", "Page"):
        talk.ask(f"{domain}.enable")
    talk.ask("Page.bringToFront")
    talk.loaded = False  # the empty page may have said so
    # Where a tab is opened with an address, Chrome for Android opens an empty one.
    failed = talk.ask("Page.navigate", url=url).get("errorText")
    if failed:
        raise RuntimeError(f"the page does not load: {str(failed)[:SAID_LIMIT]}")
    talk.await_load(START_TIMEOUT_S)
    # A promise, not a poll: nothing is asked of the browser while the script times.
    talk.ask("Runtime.evaluate", None, expression=_FINISHED, awaitPromise=True)


class _Talk:
    """The protocol over one tab's socket: a command, and what else is said until its answer comes."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.loaded = False
        """Was the end of a page's loading told?"""

    def ask(self, method: str, timeout_s: float | None = ANSWER_TIMEOUT_S, **parameters: object) -> dict[str, Any]:
        """The answer's `result`. Raises RuntimeError where the command, or the script it evaluates, fails."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (answer := self._next(deadline)).get("id") != self._number:
            self._hear(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {str(answer['error'])[:SAID_LIMIT]}")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ValueError(f"{method} was not answered by an object")
        if "exceptionDetails" in result:
            raise RuntimeError(_thrown(result["exceptionDetails"]))
        return result

    def await_load(self, timeout_s: float) -> None:
        """Returns when the page's loading has ended, now or before."""
        deadline = time.monotonic() + timeout_s
        while not self.loaded:
            self._hear(self._next(deadline))

    def _next(self, deadline: float | None) -> dict[str, Any]:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        message = _parsed(self._connection.recv(left))
        if not isinstance(message, dict):
            raise ValueError("what was said is no object")
        return message

    def _hear(self, event: dict[str, Any]) -> None:
        name, said = event.get("method"), event.get("params")
        if not isinstance(name, str) or not isinstance(said, dict):
            return
        if name == "Page.loadEventFired":
            self.loaded = True
        elif name == "Runtime.consoleAPICalled":
            print(_words(said.get("args")), file=sys.stderr)
        elif name == "Runtime.exceptionThrown":
            print(_thrown(said.get("exceptionDetails")), file=sys.stderr)
        elif name == "Inspector.targetCrashed":
            raise RuntimeError("the browser or its page ended before the run did: the page crashed")


@contextlib.contextmanager
def _talking(connect: Connect, tab: Tab) -> Iterator[_Talk]:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect as talk_to

    try:
        with talk_to(
            f"ws://localhost{tab.path}",
            sock=connect(ANSWER_TIMEOUT_S),
            open_timeout=ANSWER_TIMEOUT_S,
            close_timeout=1.0,
            ping_interval=None,  # nothing of ours while the script times
            max_size=ANSWER_LIMIT_BYTES,
            compression=None,
            proxy=None,
        ) as connection:
            yield _Talk(connection)
    except WebSocketException as error:
        raise OSError(_first(error)) from error


class _Handed(http.client.HTTPConnection):
    """HTTP over a socket that is there; it follows no redirect, and asks no proxy."""

    def __init__(self, sock: Socket) -> None:
        super().__init__("localhost")  # a Chromium answers to this name and to addresses alone
        self.sock = sock


def _asked(connect: Connect, method: str, what: str, timeout_s: float) -> Any:
    """What the page `/json/<what>` holds. Raises OSError, ValueError."""
    return _parsed(_fetched(connect, method, what, timeout_s))


def _close(connect: Connect, tab: str) -> None:
    _fetched(connect, "GET", f"close/{urllib.parse.quote(tab, safe='')}", ANSWER_TIMEOUT_S)


def _fetched(connect: Connect, method: str, what: str, timeout_s: float) -> bytes:
    begin = time.monotonic()
    sock = connect(timeout_s)
    try:
        with contextlib.closing(_Handed(sock)) as page, _cut_after(sock, timeout_s - (time.monotonic() - begin)):
            page.request(method, f"/json/{what}")
            answer = page.getresponse()
            body = answer.read(ANSWER_LIMIT_BYTES)
    except http.client.HTTPException as error:
        raise ValueError(f"no answer of HTTP, or none within {timeout_s:g} s ({type(error).__name__})") from error
    if answer.status != http.HTTPStatus.OK:
        said = body[:200].decode("utf-8", "replace").strip()
        raise ValueError(f"it answers {answer.status}: {said}")
    return body


@contextlib.contextmanager
def _cut_after(sock: Socket, seconds: float) -> Iterator[None]:
    """However slowly it comes: a timeout of the socket's would be for each piece."""
    cut = functools.partial(cut_stream, sock)
    timer = threading.Timer(max(0.0, seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        with process.ended_by_stop(cut, refuse=False):
            yield
    finally:
        timer.cancel()


def _parsed(body: str | bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("what was said is nested too deeply") from error


def _of(told: Any) -> Tab:
    path = urllib.parse.urlsplit(_text(told, "webSocketDebuggerUrl")).path
    if not _SOCKET_PATH.fullmatch(path):
        raise ValueError(f"{path[:200]!r} is no path of a tab's")
    return Tab(_text(told, "id"), _text(told, "url"), path)


def _text(told: Any, key: str) -> str:
    found = told.get(key) if isinstance(told, dict) else None
    if not isinstance(found, str):
        raise ValueError(f'the browser tells no "{key}"')
    return found


def _words(arguments: Any) -> str:
    """Of what a page's console was given: values as they are, objects by their description."""
    parts = [each for each in arguments if isinstance(each, dict)] if isinstance(arguments, list) else []
    return " ".join(str(each.get("value", each.get("description", ""))) for each in parts)[:SAID_LIMIT]


def _thrown(details: Any) -> str:
    found = details if isinstance(details, dict) else {}
    thrown = found.get("exception")
    described = thrown.get("description") if isinstance(thrown, dict) else None
    return str(described or found.get("text", "an error without words"))[:SAID_LIMIT]


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
