"""What is served on loopback, and to whom."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgerig.devices.web.server import Site, serving


def refuse(_: object, body: bytes) -> bytes:
    raise ValueError(f"not {body.decode()}")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "a.mjs").write_text("1")
    (tmp_path / "hidden").write_text("2")
    answers = {"hello": lambda query, body: f"{query['n']} {body.decode()}".encode(), "refuse": refuse}
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


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be served on: Address"):
            serving(Site({}, {}), port).__enter__()


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
