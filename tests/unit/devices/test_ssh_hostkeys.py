"""known_hosts as OpenSSH writes it: patterns, hashed names, revoked keys."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest

from edgerig.devices.ssh.config import Endpoint
from edgerig.devices.ssh.hostkeys import check_host_key, fingerprint, known_keys, preferred_algorithms
from edgerig.errors import DeviceError, HostKeyMismatch, HostKeyUnknown

KIND = "ssh-ed25519"
ONE, TWO = b"\x00\x00\x00\x0bssh-ed25519one", b"\x00\x00\x00\x0bssh-ed25519two"


def b64(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def endpoint(file: Path, name: str = "board") -> Endpoint:
    return Endpoint(host="board", port=22, user="pi", known_as=name, known_hosts=(Path(file),))


@pytest.fixture
def known(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str) -> Path:
        (tmp_path / "known_hosts").write_text("\n".join(lines) + "\n")
        return tmp_path / "known_hosts"

    return write


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    return f"|1|{b64(salt)}|{b64(hmac.new(salt, name.encode(), hashlib.sha1).digest())}"


@pytest.mark.parametrize(
    "field",
    ["board", "other,board,10.0.0.1", "BOARD", "b*", "boar?", "*,!other", hashed("board")],
)
def test_a_line_that_covers_the_host_knows_its_key(known: Callable[..., Path], field: str) -> None:
    file = known("# a comment", "", f"{field} {KIND} {b64(ONE)} comment")
    (key,) = known_keys("board", [file])
    assert (key.kind, key.blob, key.line) == (KIND, ONE, 3)
    check_host_key(endpoint(file), [key], KIND, ONE)


@pytest.mark.parametrize(
    "line",
    [
        f"other {KIND} {b64(ONE)}",
        f"*,!board {KIND} {b64(ONE)}",
        f"[board]:2222 {KIND} {b64(ONE)}",
        f"{hashed('other')} {KIND} {b64(ONE)}",
        f"|1|broken {KIND} {b64(ONE)}",
        f"@cert-authority * {KIND} {b64(ONE)}",
        f"board {KIND} not-base64!",
        f"board {KIND}",
    ],
)
def test_a_line_that_does_not_leaves_the_host_unknown(known: Callable[..., Path], line: str) -> None:
    file = known(line)
    assert known_keys("board", [file]) == []
    with pytest.raises(HostKeyUnknown, match=fingerprint(ONE).replace("+", r"\+")):
        check_host_key(endpoint(file), [], KIND, ONE)


def test_a_port_of_its_own_is_a_name_of_its_own(known: Callable[..., Path]) -> None:
    file = known(f"[board]:2222 {KIND} {b64(ONE)}", f"board {KIND} {b64(TWO)}")
    assert [key.blob for key in known_keys("[board]:2222", [file])] == [ONE]
    assert [key.blob for key in known_keys("board", [file])] == [TWO]
    assert known_keys("b:2222", [file]) == []


def test_another_key_than_the_known_one_is_a_mismatch(known: Callable[..., Path]) -> None:
    file = known(f"board {KIND} {b64(ONE)}")
    with pytest.raises(HostKeyMismatch) as caught:
        check_host_key(endpoint(file), known_keys("board", [file]), KIND, TWO)
    assert fingerprint(ONE) in caught.value.message and fingerprint(TWO) in caught.value.message
    assert f"{file}:1" in caught.value.message
    assert "-R board" in caught.value.hint


def test_a_key_of_another_type_than_the_known_ones_is_a_mismatch_too(known: Callable[..., Path]) -> None:
    file = known(f"board ssh-rsa {b64(ONE)}")
    with pytest.raises(HostKeyMismatch):
        check_host_key(endpoint(file), known_keys("board", [file]), KIND, TWO)


def test_a_revoked_key_is_refused_even_where_another_line_knows_it(known: Callable[..., Path]) -> None:
    file = known(f"board {KIND} {b64(ONE)}", f"@revoked * {KIND} {b64(ONE)}")
    with pytest.raises(HostKeyMismatch, match="revokes"):
        check_host_key(endpoint(file), known_keys("board", [file]), KIND, ONE)


def test_several_files_count_together(known: Callable[..., Path], tmp_path: Path) -> None:
    file = known(f"board {KIND} {b64(ONE)}")
    assert len(known_keys("board", [tmp_path / "absent", file])) == 1


def test_a_file_that_cannot_be_read_is_a_device_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be read"):
        known_keys("board", [tmp_path])


def test_algorithms_of_known_keys_come_first(known: Callable[..., Path]) -> None:
    file = known(f"board ssh-rsa {b64(ONE)}", f"board ecdsa-sha2-nistp256 {b64(TWO)}")
    offered = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
    assert preferred_algorithms(known_keys("board", [file]), offered) == [
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ecdsa-sha2-nistp256",
        "ssh-ed25519",
    ]
    assert preferred_algorithms([], offered) == offered


def test_the_accepting_command_survives_odd_paths(tmp_path: Path) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        check_host_key(endpoint(tmp_path / "it's here" / "known hosts"), [], KIND, ONE)
    assert "'\"'\"'" in caught.value.hint
