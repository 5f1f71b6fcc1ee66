"""HTTP to a model server: a connection that is kept, a deadline for every answer, and an end to how long one may be.

Of the standard library: what is timed is the server, and a client of many layers would add its own.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from edgerig.errors import DeviceError, RunError, RunTimeout, Unreachable

CHUNK_BYTES = 2**20
SAID_BYTES = 300


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


class Link:
    """One connection to the server at `url`, made anew where it was closed; not thread-safe."""

    def __init__(self, url: str, timeout_s: float, limit_bytes: int) -> None:
        parts = urlsplit(url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url, self._prefix = url, parts.path.rstrip("/")
        self._timeout_s, self._limit_bytes = timeout_s, limit_bytes
        try:
            self._connection = make(parts.hostname or "", parts.port, timeout=timeout_s)
        except (ValueError, http.client.InvalidURL) as error:
            raise DeviceError(f"{url} is no server's address: {error}", hint="such as http://127.0.0.1:8080") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, question: Question) -> Reply:
        """The answer, whatever its status. Raises Unreachable where none can be asked for, RunTimeout where it is not
        whole at the deadline, RunError where it is none or too long."""
        begin = time.monotonic()
        try:
            if self._connection.sock is None:
                self._connect()
            method = "GET" if question.body is None else "POST"
            self._connection.request(method, self._prefix + question.path, question.body, dict(question.headers))
            response = self._connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers, self._body(response, begin + self._timeout_s))
        except TimeoutError as error:
            self._connection.close()
            raise RunTimeout(
                f"{self._url}{question.path} did not answer within {self._timeout_s:g} s",
                hint='raise "request_timeout_s" in the device file if the model is slow; else see the server\'s log',
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise RunError(
                f"{self._url}{question.path}: the server broke off: {type(error).__name__}: {error}"[:500],
                hint="has it died? its log says why",
            ) from error

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._connection.close()
            raise Unreachable(
                f"no server answers at {self._url}: {error.strerror or error}",
                hint='is it running, and is "url" in the device file its address?',
            ) from error

    def _body(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Raises TimeoutError at the deadline, also of an answer that never stops, and RunError for one too long."""
        found = bytearray()
        while chunk := response.read1(CHUNK_BYTES):
            found += chunk
            if len(found) > self._limit_bytes:
                self._connection.close()
                raise RunError(f"{self._url} answers with more than {self._limit_bytes:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
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
