"""The remote line, run by the shells a device may have, without any network."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from needs import require

from edgerig.devices.ssh.command import LINE_LIMIT_BYTES, Marked, command_line
from edgerig.errors import DeviceError

SHELLS = {"sh": ["sh"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}


@pytest.fixture(params=SHELLS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a line under one shell, in a session of its own as a server does, with its input held open."""
    target = shutil.which(SHELLS[request.param][0])
    if target is None:
        require("busybox-static")
    assert target is not None
    (tmp_path / "sh").write_text(f'#!/bin/sh\nexec {" ".join([target, *SHELLS[request.param][1:]])} "$@"\n')
    (tmp_path / "sh").chmod(0o755)
    children = []

    def begin(
        argv: Sequence[str], timeout_s: float = 30.0, session: bool = True, **options: Any
    ) -> subprocess.Popen[bytes]:
        line = command_line(argv, token="token", timeout_s=timeout_s, **options)
        child = subprocess.Popen(
            ["/bin/sh", "-c", os.fsdecode(line)],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": "/", "SECRET": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=session,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.stdin.close()
        child.kill()
        child.wait()


def end(child: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """What it wrote and how it ended, our end of its input closed only after that."""
    code = child.wait(20)
    child.stdin.close()
    return code, child.stdout.read(), child.stderr.read()


def gone(pid: int) -> bool:
    last = time.monotonic() + 10
    while time.monotonic() < last:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_marker_output_and_exit_code(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    code, out, err = end(start(["sh", "-c", "echo out; echo err >&2; exit 7"]))
    assert (code, out, err) == (7, b"token started\nout\n", b"token started\nerr\n")


def test_a_signal_is_the_programs_own(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    assert end(start(["sh", "-c", "kill -SEGV $$"]))[0] == -signal.SIGSEGV


def test_a_missing_program_is_told_apart_from_exit_code_127(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    assert end(start(["no-such-program"]))[:2] == (127, b"token missing\n")
    assert end(start(["sh", "-c", "exit 127"]))[:2] == (127, b"token started\n")


def test_the_environment_is_clean(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    _, out, _ = end(start(["env"]))
    names = {line.partition(b"=")[0] for line in out.splitlines()}
    assert b"SECRET" not in names
    assert {b"PATH", b"HOME", b"LC_ALL"} <= names


def test_the_end_of_input_ends_the_whole_group(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    child = start(["sh", "-c", "sleep 300 & echo $!; wait"])
    assert child.stdout.readline() == b"token started\n"
    pid = int(child.stdout.readline())
    child.stdin.close()
    assert child.wait(10) == -signal.SIGKILL
    assert gone(pid)


def test_the_group_is_our_own_even_where_the_server_gives_none(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    child = start(["sh", "-c", "sleep 300 & echo $!; wait"], session=False)
    child.stdout.readline()
    pid = int(child.stdout.readline())
    assert os.getpgid(pid) != os.getpgid(0)
    child.stdin.close()
    assert child.wait(10) == -signal.SIGKILL
    assert gone(pid)


def test_the_device_ends_a_command_by_its_own_clock(
    start: Callable[..., subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgerig.devices.ssh.command.GRACE_S", 0.0)
    begin = time.monotonic()
    child = start(["sleep", "300"], timeout_s=1.0)
    assert child.wait(20) == -signal.SIGKILL
    assert time.monotonic() - begin < 10


def test_without_a_lifeline_the_program_has_its_input_alone(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    child = start(["cat"], lifeline=False)
    out, _ = child.communicate(b"x" * 300_000, timeout=20)
    assert out == b"token started\n" + b"x" * 300_000
    assert child.returncode == 0


def test_a_line_no_device_can_take_is_refused() -> None:
    with pytest.raises(DeviceError, match=str(LINE_LIMIT_BYTES)):
        command_line(["echo", "x" * 140_000], token="t", timeout_s=1)


@pytest.mark.parametrize("argv", [[], ["echo", "a\0b"]])
def test_what_no_command_can_be_is_a_value_error(argv: list[str]) -> None:
    with pytest.raises(ValueError):
        command_line(argv, token="t", timeout_s=1)


def test_the_marker_is_found_in_any_pieces() -> None:
    stream = b"Welcome\ntoken started\nout\x00put"
    for size in range(1, len(stream) + 1):
        marked = Marked("token")
        parts = [marked.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert b"".join(parts) == b"out\x00put"
        assert marked.state == "started"


def test_endless_noise_is_not_kept() -> None:
    marked = Marked("token")
    for _ in range(100):
        assert marked.feed(b"n" * 10_000) == b""
    assert marked.state is None
    assert len(marked.noise) <= Marked.NOISE_LIMIT_BYTES
    assert marked.feed(b"token missing\n") == b""
    assert marked.state == "missing"
