"""A server on this machine that speaks the Hugging Face hub's protocol as far as its client asks to fetch a file, and
gives whatever else it is told to at other paths."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_INFO = re.compile(r"/api/models/(?P<repository>[\w.-]+/[\w.-]+)(/revision/(?P<revision>[\w.-]+))?")
_FILE = re.compile(r"/(?P<repository>[\w.-]+/[\w.-]+)/resolve/(?P<revision>[\w.-]+)/(?P<name>[\w./-]+)")


@dataclass
class Hub:
    """`repositories` are name → file → bytes, each at COMMIT, which is its "main"; `pages` path → bytes. `lies` are
    files whose bytes are other than the hub says."""

    address: str
    repositories: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    lies: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """What sends the clients here, and keeps them from what a user has."""
        none = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), "")
        return {
            **none,
            "HF_ENDPOINT": self.address,
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "KAGGLE_API_ENDPOINT": self.address,
        }


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub("")

    class Site(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(self.path)
            headers, content = _answered(hub, path)
            self.send_response(404 if content is None else 200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body:
                self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answered(hub: Hub, path: str) -> tuple[dict[str, str], bytes | None]:
    if info := _INFO.fullmatch(path):
        files = hub.repositories.get(info["repository"])
        if files is None or (info["revision"] or "main") not in ("main", COMMIT):
            return {"X-Error-Code": "RepoNotFound" if files is None else "RevisionNotFound"}, None
        told = {
            "id": info["repository"],
            "sha": COMMIT,
            "cardData": {"license": "apache-2.0"},
            "tags": [],
            "siblings": [_sibling(name, content) for name, content in files.items()],
        }
        return {"Content-Type": "application/json"}, json.dumps(told).encode()
    if file := _FILE.fullmatch(path):
        content = hub.repositories.get(file["repository"], {}).get(file["name"])
        if content is None:
            return {"X-Error-Code": "EntryNotFound"}, None
        etag = hashlib.sha256(content).hexdigest()
        sent = content[::-1] if file["name"] in hub.lies else content
        return {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(content))}, sent
    return {}, hub.pages.get(path)


def _sibling(name: str, content: bytes) -> dict[str, object]:
    size = len(content)
    lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 134}
    return {"rfilename": name, "size": size, "blobId": "0", **({"lfs": lfs} if name.endswith(".safetensors") else {})}
