"""HTTP to a model server: a connection that is kept, a deadline for every answer, and an end to how long one may be.

Of the standard library: what is timed is the server, and a client of many layers would add its own.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from edgerig.devices.serving.cut import Cut
from edgerig.errors import DeviceError, RunError, RunTimeout, Unreachable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 2**20
SAID_BYTES = 300
CONNECT_S = 10.0
"""At most, of a request's deadline: a connection that is being made cannot be cut."""


@dataclass(frozen=True)
class Question:
    path: str
    body: bytes | None = None
    """None: a GET."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def said(self) -> str:
        return self.body[:SAID_BYTES].decode("utf-8", "replace").strip() or "nothing"


class _Arriving(io.RawIOBase):
    """What comes over a socket until the deadline, of which no single read need know: a server may send a little, of a
    header too, for ever. `begun`: has anything come?"""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = connected, deadline
        self._stream = connected.makefile("rb", buffering=0)  # it outlives the socket's being closed, as `http` needs
        self.begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        count = self._stream.readinto(buffer)
        self.begun = self.begun or bool(count)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()

    def makefile(self, *_: object) -> io.BufferedReader:
        """All that `http.client` asks of a socket it reads an answer from."""
        return io.BufferedReader(self)


class Link:
    """One connection to the server at `url`, made anew where it was closed; not thread-safe. It ends with the `cut`."""

    def __init__(self, url: str, timeout_s: float, limit_bytes: int, cut: Cut | None = None) -> None:
        parts = urlsplit(url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url, self._prefix = url, parts.path.rstrip("/")
        self._timeout_s, self._limit_bytes = timeout_s, limit_bytes
        self._cut = cut or Cut()
        self._socket: socket.socket | None = None
        self._arriving: _Arriving | None = None
        try:
            self._connection = make(parts.hostname or "", parts.port, timeout=min(timeout_s, CONNECT_S))
        except (ValueError, http.client.InvalidURL) as error:
            raise DeviceError(f"{url} is no server's address: {error}", hint="such as http://127.0.0.1:8080") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def connect(self) -> None:
        """Makes the connection now, where there is none: the first answer then takes no longer than others. Raises
        Unreachable, CutOff."""
        self._cut.check()
        if self._connection.sock is None:
            self._connect()

    def ask(self, question: Question) -> Reply:
        """The answer, whatever its status. Raises Unreachable where none can be asked for, RunTimeout where it is not
        whole at the deadline, RunError where it is none or too long, CutOff."""
        self._cut.check()
        deadline = time.monotonic() + self._timeout_s
        try:
            return self._asked(question, deadline)
        except TimeoutError as error:
            self._close()
            raise RunTimeout(
                f"{self._url}{question.path} did not answer within {self._timeout_s:g} s",
                hint='raise "request_timeout_s" in the device file if the model is slow; else see the server\'s log',
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self._close()
            self._cut.check()
            raise RunError(
                f"{self._url}{question.path}: the server broke off: {type(error).__name__}: {error}"[:500],
                hint="has it died? its log says why",
            ) from error

    def _asked(self, question: Question, deadline: float) -> Reply:
        """Once more over a new connection where a kept one ends before any of the answer: servers close those that were
        idle for a while, and the request may have crossed that on its way (RFC 9112, 9.3.1)."""
        kept = self._connection.sock is not None
        try:
            return self._exchange(question, deadline)
        except TimeoutError:
            raise
        except OSError:
            if not kept or (self._arriving is not None and self._arriving.begun):
                raise
            self._cut.check()
            self._close()
            return self._exchange(question, deadline)

    def _exchange(self, question: Question, deadline: float) -> Reply:
        connected = self._connection.sock or self._connect()
        self._arriving = None
        connected.settimeout(max(deadline - time.monotonic(), 0.001))
        method = "GET" if question.body is None else "POST"
        self._connection.request(method, self._prefix + question.path, question.body, dict(question.headers))
        self._arriving = arriving = _Arriving(connected, deadline)

        def answer(_: socket.socket, **keys: Any) -> http.client.HTTPResponse:
            return http.client.HTTPResponse(arriving, **keys)  # type: ignore[arg-type]

        self._connection.response_class = answer  # type: ignore[assignment]
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, self._body(response))

    def _connect(self) -> socket.socket:
        self._close()
        try:
            self._connection.connect()
        except OSError as error:
            self._close()
            self._cut.check()
            raise Unreachable(
                f"no server answers at {self._url}: {error.strerror or error}",
                hint='is it running, and is "url" in the device file its address?',
            ) from error
        connected: socket.socket = self._connection.sock
        self._cut.opened(connected)
        self._socket = connected
        return connected

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()
        if self._socket is not None:
            self._cut.closed(self._socket)
            self._socket = None

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """Raises RunError for one too long, IncompleteRead for one that ends early, which `read1` takes for its end."""
        found = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            found += chunk
            if len(found) > self._limit_bytes:
                self._close()
                raise RunError(f"{self._url} answers with more than {self._limit_bytes:,} bytes")
        of_no_length = response.length is None and not response.chunked  # it lasts until the connection's end
        if response.length or (of_no_length and not found):
            raise http.client.IncompleteRead(bytes(found), response.length)
        response.close()  # `read1` leaves one that is read to its end open (Python 3.11), and the next would not come
        return bytes(found)


def good(reply: Reply, asked: str) -> Reply:
    """The reply, if its status is one of success. Raises RunError with what the server said."""
    if 200 <= reply.status < 300:
        return reply
    raise RunError(
        f"{asked}: the server answered {reply.status}: {reply.said()}",
        hint="the server's log says more" if reply.status >= 500 else "is the model loaded there under this name?",
    )
