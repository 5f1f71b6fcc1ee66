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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 2**30
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

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(413, b"", "text/plain")
            return
        self._respond(self.rfile.read(int(length)))

    def _respond(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        if not parts.path.startswith(self.prefix):
            self._send(404, b"", "text/plain")
            return
        name = unquote(parts.path.removeprefix(self.prefix))
        answer = self.served.answers.get(name)
        if answer is None:
            self._send_file(name)
            return
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            self._send(200, answer(query, body), TYPES.get(Path(name).suffix, "application/octet-stream"))
        except ValueError as error:
            self._send(400, str(error).encode("utf-8", "replace")[:2000], "text/plain")

    def _send_file(self, name: str) -> None:
        first, _, rest = name.partition("/")
        folder = self.served.folders.get(first)
        path = None if folder is None else (folder / rest).resolve()
        if folder is None or path is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
            self._send(404, b"", "text/plain")
            return
        guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self._send(200, path.read_bytes(), guessed)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked has gone: the run's end tells why
            self.send_response(status)
            for header, value in ISOLATED.items():
                self.send_header(header, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what went wrong is in the raw run."""
