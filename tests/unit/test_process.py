"""Real children: ended in time, drained, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import running, wait_for

from edgerig import process

LEAVES_A_CHILD = "import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen({pid!r}, 'w').write(str(p.pid))"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_codes_are_exact(code: int) -> None:
    assert process.run(python(f"raise SystemExit({code})"), timeout_s=30).returncode == code


def test_a_signal_is_a_negative_code() -> None:
    done = process.run(python("import os; os.kill(os.getpid(), 9)"), timeout_s=30)
    assert done.returncode == -signal.SIGKILL
    assert process.signal_name(done.returncode) == "SIGKILL"


def test_both_streams_are_drained_together() -> None:
    size = 8 * 2**20
    part = size // 128
    code = (
        f"import sys\nfor _ in range(128):\n sys.stdout.buffer.write(b'o'*{part}); sys.stderr.buffer.write(b'e'*{part})"
    )
    done = process.run(python(code), timeout_s=60)
    assert (len(done.stdout), len(done.stderr)) == (size, size)


def test_output_beyond_the_limit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_LIMIT_BYTES", 1000)
    assert len(process.run(python("print('x' * 100000)"), timeout_s=30).stdout) == 1000


def test_the_deadline_ends_the_child_and_its_children(tmp_path: Path) -> None:
    code = LEAVES_A_CHILD.format(pid=str(tmp_path / "pid")) + "\nimport time\ntime.sleep(60)"
    begin = time.monotonic()
    done = process.run(python(code), timeout_s=1.5)
    assert done.timed_out
    assert time.monotonic() - begin < 20
    wait_for(lambda: not running(int((tmp_path / "pid").read_text())))


def test_a_grandchild_does_not_outlive_a_normal_end(tmp_path: Path) -> None:
    code = LEAVES_A_CHILD.format(pid=str(tmp_path / "pid"))
    assert process.run(python(code), timeout_s=30).returncode == 0
    wait_for(lambda: not running(int((tmp_path / "pid").read_text())))


def daemon(pid: Path) -> str:
    """A shell's words: a process out of the group's reach, which holds the pipes and writes its number to `pid`."""
    return f"setsid sh -c 'echo $$ >{pid}; exec sleep 300' & until [ -s {pid} ]; do :; done; echo said"


@pytest.mark.parametrize(("then", "timed_out"), [("exit 3", False), ("sleep 300", True)])
def test_a_daemon_that_holds_the_pipes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, timed_out: bool
) -> None:
    monkeypatch.setattr(process, "AFTER_END_S", 0.5)
    begin = time.monotonic()
    try:
        done = process.run(["sh", "-c", f"{daemon(tmp_path / 'pid')}; {then}"], timeout_s=5.0)
        assert time.monotonic() - begin < 20
        assert (done.stdout, done.timed_out) == (b"said\n", timed_out)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_output_can_go_to_a_file(tmp_path: Path) -> None:
    done = process.run(
        python("import sys; print('out'); sys.stderr.write('err')"), timeout_s=30, output=tmp_path / "log"
    )
    assert done.stdout == b""
    assert set((tmp_path / "log").read_text().split()) == {"out", "err"}


def test_an_unknown_program_is_an_oserror() -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["/no/such/program"], timeout_s=5)


def test_a_child_with_a_lifeline_ends_when_we_are_killed(tmp_path: Path) -> None:
    """The whole chain: a host killed by SIGKILL takes its runner with it."""
    child = (
        f"import os, time; from edgerig.ondevice import lifeline; lifeline.hold(); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    host = subprocess.Popen(
        python(f"import sys; from edgerig import process; process.run([sys.executable, '-c', {child!r}], timeout_s=60)")
    )
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    pid = int((tmp_path / "pid").read_text())
    assert running(pid)
    host.kill()
    host.wait()
    wait_for(lambda: not running(pid))


def at_work(scope: process.Scope, work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Does `work` in the scope beside the test; gives the thread and what it ended with."""
    ended = []

    def inside() -> None:
        with scope.entered():
            try:
                ended.append(work())
            except Exception as error:
                ended.append(error)

    thread = threading.Thread(target=inside, daemon=True)
    thread.start()
    return thread, ended


def test_stopping_a_scope_ends_what_runs_in_it_and_refuses_what_comes() -> None:
    scope, ends = process.Scope(), []
    child, child_ended = at_work(scope, lambda: process.run(["sleep", "60"], timeout_s=60))
    pause, pause_ended = at_work(scope, lambda: process.pause(60))
    wait_for(lambda: scope.children and scope.elsewhere)
    scope.elsewhere.append(lambda: ends.append("called"))
    begin = time.monotonic()
    scope.stop()
    for thread in (child, pause):
        thread.join(10)
    assert [type(end) for end in (*child_ended, *pause_ended)] == [process.Stopped] * 2
    assert (ends, time.monotonic() - begin < 10) == (["called"], True)
    refusing: tuple[Callable[[], object], ...] = (
        lambda: process.run(["true"], timeout_s=5),
        process.check_not_stopping,
        lambda: process.pause(60),
    )
    for refused in refusing:
        with scope.entered(), pytest.raises(process.Stopped):
            refused()


def test_a_stopped_scope_stops_no_other() -> None:
    stopped, other = process.Scope(), process.Scope()
    thread, ended = at_work(other, lambda: process.run(["sleep", "1"], timeout_s=60))
    wait_for(lambda: other.children)
    stopped.stop()
    thread.join(30)
    (finished,) = ended
    assert isinstance(finished, process.Finished)
    assert finished.returncode == 0
    with stopped.entered():
        with other.entered():
            assert process.run(["true"], timeout_s=30).returncode == 0
        with pytest.raises(process.Stopped):
            process.check_not_stopping()
    assert process.run(["true"], timeout_s=30).returncode == 0, "outside of any"
