"""This machine's turns, on real locks in a folder of the test's own, with a holder that is really killed."""

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgerig import process
from edgerig.devices.local_lease import DOOR, ROOM, LocalLease
from edgerig.devices.turns import claim
from edgerig.errors import DeviceBusy, DeviceError

HOLDER = """\
import sys, time
from pathlib import Path
from edgerig.devices.local_lease import LocalLease
from edgerig.devices.turns import claim
LocalLease(claim("local", "r1", "t"), Path(sys.argv[1])).take()
print("taken", flush=True)
time.sleep(600)
"""


def turn_of(folder: Path, run: str = "r1", wait: bool = False, tell: Callable[[str], None] | None = None) -> LocalLease:
    return LocalLease(claim("local", run, "token", wait=wait, tell=tell), folder)


def test_a_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    first = turn_of(tmp_path)
    first.take()
    first.take()
    with pytest.raises(DeviceBusy, match=r"local is in use by .+, run r1, since 20"):
        turn_of(tmp_path, "r2").take()
    first.release()
    second = turn_of(tmp_path, "r2")
    second.take()
    second.release()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(DeviceBusy):
            turn_of(tmp_path, "r2").take()
        holder.kill()
    turn_of(tmp_path, "r2").take()


def test_whoever_waited_is_next(tmp_path: Path) -> None:
    """Not the one who just had it, however fast that asks again."""
    first, order, told, waits = turn_of(tmp_path, wait=True), [], [], threading.Event()

    def tell(words: str) -> None:
        told.append(words)
        waits.set()

    def other() -> None:
        second = turn_of(tmp_path, "r2", wait=True, tell=tell)
        for _ in range(2):
            second.take()
            order.append("second")
            time.sleep(0.3)
            second.release()

    first.take()
    thread = threading.Thread(target=other)
    thread.start()
    assert waits.wait(20)
    for _ in range(2):
        order.append("first")
        first.release()
        first.take()
    first.release()
    thread.join()
    assert order[:3] == ["first", "second", "first"]
    assert len(told) == 1, "once a holder"


def test_the_files_are_for_every_user(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        turn_of(tmp_path).take()
    finally:
        os.umask(before)
    for name in (DOOR, ROOM):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666


@pytest.mark.parametrize("name", [DOOR, ROOM])
def test_no_link_is_followed_and_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(DeviceError, match="cannot be used"):
        turn_of(tmp_path).take()
    assert target.read_text() == "precious"
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DeviceError, match="it is no file"):
        turn_of(tmp_path).take()


@pytest.mark.parametrize("said", [b"", b"\xff\xfe{", b'{"run": "\x1b[31mred", "who": "x"}', b"[" * 10000])
def test_what_a_stranger_wrote_there_is_not_trusted(tmp_path: Path, said: bytes) -> None:
    first = turn_of(tmp_path)
    first.take()
    (tmp_path / ROOM).write_bytes(said)
    with pytest.raises(DeviceBusy, match="in use by") as caught:
        turn_of(tmp_path, "r2").take()
    assert "\x1b" not in caught.value.message


def test_a_file_that_was_removed_is_not_the_one_that_is_locked(tmp_path: Path) -> None:
    """Nobody may hold a turn by a file that no other can find."""
    first = turn_of(tmp_path)
    first.take()
    first.release()
    (tmp_path / ROOM).unlink()
    second = turn_of(tmp_path, "r2")
    second.take()
    with pytest.raises(DeviceBusy, match="run r2"):
        first.take()


def test_an_interrupted_sweep_does_not_wait(tmp_path: Path) -> None:
    first, scope = turn_of(tmp_path), process.Scope()
    first.take()
    scope.stop()
    with scope.entered(), pytest.raises(process.Stopped):
        turn_of(tmp_path, "r2", wait=True).take()
