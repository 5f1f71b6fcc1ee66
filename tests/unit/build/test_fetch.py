"""Fetching over real HTTP and from a mirror: only the right bytes ever get their name in the cache."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgerig.build.fetching.files import fetch
from edgerig.errors import ConfigError, FetchError
from edgerig.spec import FileSpec, ModelSpec, TensorSpec

CONTENT = b"the right bytes" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = b"some other bytes" * 1000
WRONG_SHA256 = hashlib.sha256(WRONG).hexdigest()


class Site(BaseHTTPRequestHandler):
    """/right, /wrong, /short (fewer bytes than announced), and nothing else."""

    def do_GET(self) -> None:
        body = {"/right": CONTENT, "/wrong": WRONG, "/short": CONTENT}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/short" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "models" / "net"


def model(url: str | None, note: str = "made by hand") -> ModelSpec:
    tensor = TensorSpec(name="x", shape=(1, 2))
    file = FileSpec(name="net.h5", url=url, sha256=SHA256, size_bytes=len(CONTENT), note=note)
    return ModelSpec(
        name="net", source="keras", file=Path("net.h5"), files=(file,), inputs=(tensor,), no_accuracy_reason="a test"
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_with_the_right_bytes_is_kept_and_not_repeated(cache: Path, site: str) -> None:
    (first,) = fetch(model(f"{site}/right"))
    assert first.origin == f"{site}/right"
    assert (cache / "net.h5").read_bytes() == CONTENT
    (again,) = fetch(model("http://127.0.0.1:1/gone"))
    assert again.origin == ""


def test_a_damaged_copy_is_fetched_anew(cache: Path, site: str) -> None:
    cache.mkdir(parents=True)
    (cache / "net.h5").write_bytes(WRONG)
    list(fetch(model(f"{site}/right")))
    assert (cache / "net.h5").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "said"), [("wrong", (SHA256, WRONG_SHA256)), ("short", ("cannot be downloaded",)), ("none", ("404",))]
)
def test_a_download_that_went_wrong_leaves_nothing(cache: Path, site: str, path: str, said: tuple[str, ...]) -> None:
    with pytest.raises(FetchError) as caught:
        list(fetch(model(f"{site}/{path}")))
    assert f"{site}/{path}" in caught.value.message
    assert all(part in caught.value.message for part in said), caught.value.message
    assert "--from" in caught.value.hint
    assert names(cache) == []


def test_without_a_network_the_address_and_the_other_way_are_named(cache: Path) -> None:
    with socket.socket() as free:  # bound and not listening: a connection is refused
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/net.h5"
        with pytest.raises(FetchError) as caught:
            list(fetch(model(url)))
    assert url in caught.value.message
    assert "refused" in caught.value.message
    assert "edgerig models fetch net --from FOLDER" in caught.value.hint
    assert caught.value.exit_code == 9


def test_a_file_without_an_address_says_where_it_comes_from(cache: Path) -> None:
    with pytest.raises(FetchError, match="no public address") as caught:
        list(fetch(model(None, note="make it with pack.py")))
    assert caught.value.hint == "make it with pack.py"


def test_a_mirror_is_searched_by_name_and_accepted_by_content(cache: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    for folder, content in (("a", WRONG), ("b/c", CONTENT)):
        (mirror / folder).mkdir(parents=True)
        (mirror / folder / "net.h5").write_bytes(content)
    (found,) = fetch(model("http://127.0.0.1:1/net.h5"), mirror)
    assert found.origin == str(mirror / "b/c/net.h5")
    assert (cache / "net.h5").read_bytes() == CONTENT
    assert names(cache) == ["net.h5"]


def test_a_mirror_with_the_wrong_file_names_both_checksums(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(CONTENT[:-1])
    with pytest.raises(FetchError) as caught:
        list(fetch(model("http://127.0.0.1:1/net.h5"), tmp_path))
    assert hashlib.sha256(CONTENT[:-1]).hexdigest() in caught.value.message
    assert SHA256 in caught.value.message
    assert "cut short" in caught.value.hint
    assert names(cache) == []


def test_a_mirror_that_lacks_the_file_says_so(cache: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(FetchError, match=r"no file net\.h5"):
        list(fetch(model("http://127.0.0.1:1/net.h5"), mirror))
    with pytest.raises(ConfigError, match="no such folder"):
        list(fetch(model("http://127.0.0.1:1/net.h5"), tmp_path / "nothing"))
