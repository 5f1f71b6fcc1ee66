"""A script in a page of a browser on another device, driven over its developer tools: the Chrome DevTools Protocol, at
a port of this host that leads there.

Playwright drives no Chrome for Android over it: it would make contexts and set where downloads go, which that Chrome
has no notion of. What is needed here is little: a tab of our own, the page in it, its console, and its end.
(https://chromedevtools.github.io/devtools-protocol, version 1.3)

Nothing the browser says is trusted: answers are bounded, and what is no answer of the protocol ends the run.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgerig.devices.web.place import Host, Place

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

LOOPBACK = "127.0.0.1"
ANSWER_TIMEOUT_S = 20.0
START_TIMEOUT_S = 60.0
ANSWER_LIMIT_BYTES = 4 * 2**20
SAID_LIMIT = 2000
_FINISHED = "'finished' in globalThis ? globalThis.finished : Promise.reject(new Error('its script did not load'))"


@dataclass(frozen=True)
class Tab:
    """`id` and `url` as the browser names them; `path` is its WebSocket's."""

    id: str
    url: str
    path: str


def version(port: int, timeout_s: float = ANSWER_TIMEOUT_S) -> str:
    """What the browser at this host's `port` calls itself, and its app where it tells. Raises OSError, ValueError."""
    told = _asked(port, "GET", "version", timeout_s)
    name = _text(told, "Browser")
    app = told.get("Android-Package")
    return f"{name} ({app})"[:200] if isinstance(app, str) else name[:200]


def close_tabs(port: int, below: str) -> None:
    """Those whose address begins with `below`: whoever opened one may have been killed before closing it. Raises
    OSError, ValueError."""
    for tab in _tabs(_asked(port, "GET", "list", ANSWER_TIMEOUT_S)):
        if tab.url.startswith(below):
            _close(port, tab)


def run(place: Place) -> None:
    """Raises RuntimeError when the browser cannot be talked to, or it or the page ends before the script does."""
    port, far = map(int, place.command)
    address = urllib.parse.urlsplit(place.address)
    page = f"http://{LOOPBACK}:{far}{address.path}/page.html"
    try:
        with _tab(port) as tab, _talking(port, tab) as talk:
            talk.ask("Inspector.enable")
            talk.ask("Runtime.enable")
            talk.ask("Page.enable")
            talk.ask("Page.bringToFront")
            # Where a tab is opened with an address, Chrome for Android opens an empty one.
            failed = talk.ask("Page.navigate", url=page).get("errorText")
            if failed:
                raise RuntimeError(f"the page does not load: {str(failed)[:SAID_LIMIT]}")
            talk.await_event("Page.loadEventFired", START_TIMEOUT_S)
            # A promise, not a poll: nothing is asked of the browser while the script times.
            talk.ask("Runtime.evaluate", None, expression=_FINISHED, awaitPromise=True)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"the browser or its page ended before the run did: {_first(error)}") from error


class _Talk:
    """The protocol over one tab's socket: a command, and what else is said until its answer comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._seen: set[str] = set()

    def ask(self, method: str, timeout_s: float | None = ANSWER_TIMEOUT_S, **parameters: object) -> dict[str, Any]:
        """The answer's `result`. Raises RuntimeError where the command, or the script it evaluates, fails."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
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

    def await_event(self, name: str, timeout_s: float) -> None:
        """Returns when it was said, now or before."""
        deadline = time.monotonic() + timeout_s
        while name not in self._seen:
            self._hear(self._next(deadline))

    def _next(self, deadline: float | None) -> dict[str, Any]:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        message = json.loads(self._socket.recv(left))
        if not isinstance(message, dict):
            raise ValueError("what was said is no object")
        return message

    def _hear(self, event: dict[str, Any]) -> None:
        name, said = event.get("method"), event.get("params")
        if not isinstance(name, str) or not isinstance(said, dict):
            return
        if name == "Page.loadEventFired":
            self._seen.add(name)
        elif name == "Runtime.consoleAPICalled":
            print(_words(said.get("args")), file=sys.stderr)
        elif name == "Runtime.exceptionThrown":
            print(_thrown(said.get("exceptionDetails")), file=sys.stderr)
        elif name == "Inspector.targetCrashed":
            raise RuntimeError("the browser or its page ended before the run did: the page crashed")


@contextlib.contextmanager
def _tab(port: int) -> Iterator[Tab]:
    """A new tab, closed on leaving."""
    tab = _of(_asked(port, "PUT", "new?about:blank", ANSWER_TIMEOUT_S))
    try:
        yield tab
    finally:
        with contextlib.suppress(OSError, ValueError):  # it crashed, which is told, or the link was lost
            _close(port, tab)


@contextlib.contextmanager
def _talking(port: int, tab: Tab) -> Iterator[_Talk]:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    try:
        with connect(
            f"ws://{LOOPBACK}:{port}{tab.path}",
            open_timeout=ANSWER_TIMEOUT_S,
            close_timeout=1.0,
            ping_interval=None,  # nothing of ours while the script times
            max_size=ANSWER_LIMIT_BYTES,
            compression=None,
            proxy=None,
        ) as socket:
            yield _Talk(socket)
    except WebSocketException as error:
        raise OSError(_first(error)) from error


def _asked(port: int, method: str, what: str, timeout_s: float) -> Any:
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}/json/{what}", method=method)
    # Without whatever proxy the environment names: this is a port of our own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as answer:
        body = answer.read(ANSWER_LIMIT_BYTES)
    return json.loads(body)


def _close(port: int, tab: Tab) -> None:
    address = f"http://{LOOPBACK}:{port}/json/close/{urllib.parse.quote(tab.id, safe='')}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=ANSWER_TIMEOUT_S) as answer:
        answer.read(SAID_LIMIT)


def _tabs(told: Any) -> list[Tab]:
    found = []
    for each in told if isinstance(told, list) else []:
        with contextlib.suppress(ValueError):  # another tool looks into it: it has no socket for us
            found.append(_of(each))
    return found


def _of(told: Any) -> Tab:
    socket = urllib.parse.urlsplit(_text(told, "webSocketDebuggerUrl"))
    return Tab(_text(told, "id"), _text(told, "url"), socket.path)


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


def _none() -> list[int]:
    return []


HOST = Host(run, _none, "a browser on another device", here=False)
