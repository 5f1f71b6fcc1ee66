"""What is served on loopback, and to whom."""

import contextlib
import errno
import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from edgerig.devices.web import server
from edgerig.devices.web.server import Answer, Site, serving


def refuse(_: object, body: bytes) -> bytes:
    raise ValueError(f"not {body.decode()}")


def full(_: object, __: bytes) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "a.mjs").write_text("1")
    (tmp_path / "hidden").write_text("2")
    answers: dict[str, Answer] = {
        "hello": lambda query, body: f"{query['n']} {body.decode()}".encode(),
        "refuse": refuse,
        "full": full,
    }
    with serving(Site({"files": tmp_path / "shown"}, answers), 0) as address:
        yield address


def test_a_page_is_isolated_and_scripts_are_of_their_type(address: str) -> None:
    with urllib.request.urlopen(f"{address}/files/a.mjs") as answer:
        assert answer.read() == b"1"
        assert answer.headers["Content-Type"] == "text/javascript"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_what_answers_gets_parameters_and_body(address: str) -> None:
    with urllib.request.urlopen(f"{address}/hello?n=3", data=b"there") as answer:
        assert answer.read() == b"3 there"


@pytest.mark.parametrize(
    "path", ["files/../hidden", "files/%2e%2e/hidden", "files//etc/passwd", "hidden", "files/", ""]
)
def test_nothing_else_is_served(address: str, path: str) -> None:
    assert status(f"{address}/{path}") == 404


def test_without_the_secret_nothing_is(address: str) -> None:
    origin = address.rpartition("/")[0]
    assert status(f"{origin}/files/a.mjs") == status(f"{origin}/guessed/files/a.mjs") == 404


def test_a_body_that_is_refused_says_why(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}/refuse", data=b"that")
    assert (error.value.code, error.value.read()) == (400, b"not that")


def test_what_fails_here_says_why(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}/full", data=b"that")
    assert error.value.code == 500
    assert b"No space left on device" in error.value.read()


def test_too_large_a_body_is_told_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read to its end: whoever is still sending would lose the answer with the connection."""
    monkeypatch.setattr(server, "LARGEST_BODY", 2**20)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}/hello?n=1", data=bytes(64 * 2**20))
    assert (error.value.code, error.value.read()) == (413, b"67,108,864 bytes at once, at most 1,048,576 are taken")


def test_no_request_waits_for_an_acknowledgement(address: str) -> None:
    """Nagle's algorithm would hold a body back until the headers are acknowledged, which a kernel delays by 40 ms."""
    path = address.partition("//")[2]
    host, _, secret = path.partition("/")
    took = []
    with contextlib.closing(http.client.HTTPConnection(host)) as connection:
        for _ in range(15):
            begin = time.perf_counter()
            connection.request("GET", f"/{secret}/files/a.mjs")
            connection.getresponse().read()
            took.append(time.perf_counter() - begin)
    assert median(took) < 0.03


def test_a_stranger_is_not_listened_to(address: str) -> None:
    """The answer comes before any of the body does, and with the connection's end."""
    with raw_connection(address) as connection:
        connection.sendall(b"POST /guessed/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("said", [b"", b"GET /guessed", b"POST /{}/hello?n=1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n123"])
def test_who_stalls_is_left(address: str, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.2)
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    with raw_connection(address) as connection:
        connection.sendall(said.replace(b"{}", address.rpartition("/")[2].encode()))
        assert received(connection) == b""


def test_who_knows_the_secret_may_be_silent_between_requests(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    request = f"GET /{address.rpartition('/')[2]}/files/a.mjs HTTP/1.1\r\nHost: x\r\n"
    with raw_connection(address) as connection:
        connection.sendall(f"{request}\r\n".encode())
        time.sleep(0.6)
        connection.sendall(f"{request}Connection: close\r\n\r\n".encode())
        assert received(connection).count(b"HTTP/1.1 200 OK") == 2


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be served on: Address"):
            serving(Site({}, {}), port).__enter__()


def raw_connection(address: str) -> socket.socket:
    host, _, port = address.split("/")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other end closes; TimeoutError where it does not within 5 s."""
    found = b""
    while piece := connection.recv(2**16):
        found += piece
    return found


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
