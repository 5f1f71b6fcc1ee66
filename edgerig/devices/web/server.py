"""A job served on loopback to the one script that runs it.

Every address begins with a secret of this job, so that another user of the machine can neither read a model nor answer
in its place. Answers carry the headers that isolate a page from others (COOP and COEP, as the HTML standard has them):
only such a page has threads and the finer clock.
"""

from __future__ import annotations

import contextlib
import mimetypes
import secrets
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 2**30
LONGEST_NUMBER = 15
PIECE = 2**20
PATIENCE_S = 60.0
"""How long a request may stall while it is read, and how long a stranger may stay without one."""
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html"}

Answer = Callable[[Mapping[str, str], bytes], bytes]
"""What a request's parameters and body are answered with. Raises ValueError for what cannot be one of ours."""


@dataclass(frozen=True)
class Site:
    """`folders`: first part of an address → the folder whose files lie below it; `answers`: address → what answers."""

    folders: Mapping[str, Path]
    answers: Mapping[str, Answer]


@contextlib.contextmanager
def serving(site: Site, port: int) -> Iterator[str]:
    """The address the site is at, without a slash at its end. Raises OSError where the port is taken."""
    token = secrets.token_urlsafe(24)

    class Handler(_Handler):
        prefix = f"/{token}/"
        served = site

    try:
        bound = ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise OSError(f"port {port} of {LOOPBACK} cannot be served on: {error.strerror}") from error
    with bound as server:
        server.daemon_threads = True
        # It looks as often whether it is to end: seldom, for each look is work beside what is timed.
        thread = threading.Thread(target=server.serve_forever, args=(1.0,), daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_address[1]}/{token}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    prefix: str
    served: Site
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: the second would wait for the other end's delayed acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        if self._is_ours():
            self._respond(b"")

    def do_POST(self) -> None:
        if not self._is_ours():
            return
        stated = self.headers.get("Content-Length", "")
        if not stated.isdecimal() or len(stated) > LONGEST_NUMBER:
            self._refuse(411, "a request without its length")
            return
        length = int(stated)
        if length > LARGEST_BODY:
            self._discard(length)  # an answer is not read by one that is still sending
            self._refuse(413, f"{length:,} bytes at once, at most {LARGEST_BODY:,} are taken")
            return
        self.connection.settimeout(PATIENCE_S)
        body = self.rfile.read(length)
        self.connection.settimeout(None)
        if len(body) == length:
            self._respond(body)
        else:  # whoever sent it has gone
            self.close_connection = True

    def _is_ours(self) -> bool:
        """Does it know the secret? Else it is answered here, and nothing more is read of it. Whoever does may be silent
        between requests for as long as a run times."""
        if not self.path.startswith(self.prefix):
            self._refuse(404, "")
            return False
        self.connection.settimeout(None)
        return True

    def _discard(self, length: int) -> None:
        self.connection.settimeout(PATIENCE_S)
        while length > 0 and (piece := self.rfile.read(min(length, PIECE))):
            length -= len(piece)

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True
        self._send(status, why.encode(), "text/plain")

    def _respond(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        name = unquote(parts.path.removeprefix(self.prefix))
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            status, found, kind = self._answer(name, query, body)
        except ValueError as error:
            status, found, kind = 400, _words(str(error)), "text/plain"
        except Exception as error:  # a full disk, or a fault of ours: the script is to end, and to say why
            traceback.print_exc()
            status, found, kind = 500, _words(f"{type(error).__name__}: {error}"), "text/plain"
        self._send(status, found, kind)

    def _answer(self, name: str, query: Mapping[str, str], body: bytes) -> tuple[int, bytes, str]:
        answer = self.served.answers.get(name)
        if answer is None:
            return self._file(name)
        return 200, answer(query, body), TYPES.get(Path(name).suffix, "application/octet-stream")

    def _file(self, name: str) -> tuple[int, bytes, str]:
        first, _, rest = name.partition("/")
        folder = self.served.folders.get(first)
        path = None if folder is None else (folder / rest).resolve()
        if folder is None or path is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
            return 404, b"", "text/plain"
        guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return 200, path.read_bytes(), guessed

    def _send(self, status: int, body: bytes, kind: str) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked has gone: the run's end tells why
            self.send_response(status)
            for header, value in ISOLATED.items():
                self.send_header(header, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what went wrong is in the raw run."""


def _words(why: str) -> bytes:
    return why.encode("utf-8", "replace")[:2000]
