"""The memory pass is a real fork and reads the real /proc."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import running, wait_for

from edgerig.ondevice import memory

HANGS = """\
import ctypes, os, sys
from edgerig.ondevice import memory
def exercise(_):
    with open(sys.argv[1] + ".tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename(sys.argv[1] + ".tmp", sys.argv[1])
    ctypes.PyDLL(None).pause()  # a runtime that hangs and keeps the interpreter's lock
memory.measure_in_fork(exercise)
"""


@pytest.fixture(autouse=True)
def held() -> Iterator[None]:
    """The host's end of standard input: in a test, as in a runner, it is a pipe nobody writes to."""
    before, (reader, writer) = os.dup(0), os.pipe()
    os.dup2(reader, 0)
    yield
    os.dup2(before, 0)
    for end in (before, reader, writer):
        os.close(end)


def test_the_peak_includes_what_the_pass_allocated() -> None:
    def exercise(runtime_imported: Callable[[], object]) -> None:
        runtime_imported()
        bytearray(b"x" * 100_000_000)

    found = memory.measure_in_fork(exercise)
    assert found["peak_rss_bytes"] - found["runtime_rss_bytes"] > 90_000_000
    assert "numpy" in found["includes"]


def test_the_parent_is_not_touched() -> None:
    memory.measure_in_fork(lambda ready: os.environ.__setitem__("EDGERIG_FORKED", "1"))
    assert "EDGERIG_FORKED" not in os.environ


def test_a_failure_is_a_reason() -> None:
    def exercise(_: object) -> None:
        raise RuntimeError("no such file")

    assert memory.measure_in_fork(exercise) == {"reason": "the memory pass failed: RuntimeError: no such file"}


def test_a_killed_pass_is_a_reason() -> None:
    found = memory.measure_in_fork(lambda _: os.kill(os.getpid(), 9))
    assert found == {"reason": "the memory pass was killed by signal 9"}


@pytest.mark.parametrize("own_group", [True, False])
def test_a_pass_that_hangs_ends_with_the_host(tmp_path: Path, own_group: bool) -> None:
    told = tmp_path / "pid"
    runner = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(told)], stdin=subprocess.PIPE, start_new_session=own_group
    )
    wait_for(told.exists)
    hanging = int(told.read_text())
    assert runner.poll() is None and running(hanging)
    runner.stdin.close()  # what the kernel does when the host is killed
    assert runner.wait(20) == (-9 if own_group else 1)
    wait_for(lambda: not running(hanging))


def test_a_host_that_is_killed_takes_a_hanging_pass_with_it(tmp_path: Path) -> None:
    """The whole chain: `process.run`, the runner, its fork."""
    told = tmp_path / "pid"
    argv = f"[sys.executable, '-c', {HANGS!r}, {str(told)!r}]"
    code = f"import sys; from edgerig import process; process.run({argv}, timeout_s=60)"
    host = subprocess.Popen([sys.executable, "-c", code])
    wait_for(told.exists)
    host.kill()
    host.wait()
    wait_for(lambda: not running(int(told.read_text())))
