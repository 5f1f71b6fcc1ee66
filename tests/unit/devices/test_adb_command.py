"""The line a device's shell is given, run by real shells here, and what is read out of its trailer."""

import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

from edgerig.devices.adb.command import LINE_LIMIT_BYTES, Trailer, command_line, death_of_shell, find_trailer
from edgerig.errors import DeviceError

TOKEN = "0123456789abcdef"
SHELLS = [shell for shell in ("sh", "dash", "mksh", "bash") if shutil.which(shell)]


def start(shell: str, line: bytes) -> subprocess.Popen[bytes]:
    """As adbd does: in a session of its own, its standard input held open."""
    pipe = subprocess.PIPE
    return subprocess.Popen([shell, "-c", line], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def run(shell: str, argv: Sequence[str], timeout_s: float = 30.0) -> tuple[Trailer | None, bytes, bytes]:
    """The trailer, standard output, and standard error without the trailer."""
    line = command_line(argv, token=TOKEN, timeout_s=timeout_s)
    with start(shell, line) as child:
        out, err = child.stdout.read(), child.stderr.read()
    trailer = find_trailer(err, TOKEN)
    return trailer, out, err if trailer is None else err[: trailer.position]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("code", [0, 1, 127, 137, 255])
def test_exit_codes(shell: str, code: int) -> None:
    trailer, _, err = run(shell, ["sh", "-c", f"echo said >&2; exit {code}"])
    assert (trailer.returncode, err) == (code, b"said\n")


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "bash"])  # which does not speak of signals
@pytest.mark.parametrize("number", [2, 9, 11, 13, 15])
def test_signals(shell: str, number: int) -> None:
    assert run(shell, ["sh", "-c", f"kill -{number} $$"])[0].returncode == -number


@pytest.mark.parametrize("shell", SHELLS)
def test_every_byte_of_an_argument_arrives(shell: str) -> None:
    given = ["", " a b ", "'\"`$(id)\\", "new\nline", "-n", "*", os.fsdecode(b"\xff\xfe")]
    _, out, _ = run(shell, ["sh", "-c", 'for a; do printf "%s\\0" "$a"; done', "sh", *given])
    assert out == b"".join(os.fsencode(part) + b"\0" for part in given)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_without_a_path_is_a_program_never_a_builtin(shell: str) -> None:
    trailer, out, _ = run(shell, ["printf", "%s", "x"])
    assert (trailer.returncode, out) == (0, b"x")
    assert run(shell, ["exit", "3"])[0].returncode == 127


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_program_has_no_code(shell: str) -> None:
    assert run(shell, ["edgerig-no-such-program"])[0].returncode is None
    assert run(shell, ["/no/such/program"])[0].returncode is None


@pytest.mark.parametrize("shell", SHELLS)
def test_a_closed_standard_input_ends_everything(shell: str) -> None:
    line = command_line(["sh", "-c", "sleep 60 & sleep 60"], token=TOKEN, timeout_s=60)
    child = subprocess.Popen(
        [shell, "-c", line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        child.stdin.close()
        assert child.stderr.read() == b""  # it ends when every process that holds it has ended
        assert child.wait(20) == -9


def test_too_long_a_line_is_refused() -> None:
    with pytest.raises(DeviceError, match=f"adb takes {LINE_LIMIT_BYTES}") as caught:
        command_line(["echo", "x" * 70_000], token=TOKEN, timeout_s=1)
    assert "as a file" in caught.value.hint


@pytest.mark.parametrize("argv", [[], ["echo", "a\0b"]])
def test_what_no_command_can_be_is_a_value_error(argv: Sequence[str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        command_line(argv, token=TOKEN, timeout_s=1)


@pytest.mark.parametrize(
    ("said", "returncode", "position"),
    [
        (b"0123456789abcdef =0.\n", 0, 0),
        (b"err0123456789abcdef =137.\n", 137, 3),
        (b"0123456789abcdef Killed \n=137.\n", -9, 0),
        (b"0123456789abcdef =141.\n", -13, 0),
        (b"0123456789abcdef missing.\nlate", None, 0),
    ],
)
def test_trailers(said: bytes, returncode: int | None, position: int) -> None:
    trailer = find_trailer(said, TOKEN)
    assert (trailer.returncode, trailer.position) == (returncode, position)


@pytest.mark.parametrize("said", [b"", b"=0.\n", b"0123456789abcdef", b"0123456789abcdef =12", b"0123456789abcdef x\n"])
def test_no_trailer(said: bytes) -> None:
    assert find_trailer(said, TOKEN) is None


def test_a_shell_that_ends_without_its_trailer_died_of_a_signal() -> None:
    assert (death_of_shell(137), death_of_shell(3)) == (-9, 3)
