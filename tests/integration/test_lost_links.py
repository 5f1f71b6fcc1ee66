"""A device whose link is lost while a job runs there: reached again, and clean before the next job. A real sshd, which
is really killed, comes back on its port, and is really cut off."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made_up
import numpy as np
import pytest
import slow_link
import sshd
from processes import once, running, wait_for
from ssh_device import spec_of
from sshd import Sshd

from edgerig.devices.device import CellJob, OpenDevice, PosixDevice
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.errors import DeviceError, RunError, RunnerCrashed, RunTimeout, Unreachable
from edgerig.spec import RunSettings
from edgerig.sweep import sessions
from edgerig.sweep.sessions import DeviceSessions

pytestmark = pytest.mark.integration

HANGS = """\
#!/bin/sh
echo $$ >"$RUNNER.tmp" && mv "$RUNNER.tmp" "$RUNNER"
sleep 300 &
wait
"""
ENDS = "#!/bin/sh\nexit 3\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    for name in ("SSH_AUTH_SOCK", "EDGERIG_SSH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with sshd.running(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def held() -> Iterator[DeviceSessions]:
    """The sessions of a sweep."""
    held = DeviceSessions()
    held.setup(None)
    yield held
    held.teardown(None)


class Board:
    """The device, with a program of the test's own instead of the runner's Python."""

    def __init__(self, server: sshd.Sshd, tmp_path: Path) -> None:
        self.server, self.folder, self.work = server, tmp_path, tmp_path / "work"
        self.pid = tmp_path / "pid"

    def spec(self, port: int | None = None) -> SshDevice:
        return spec_of(self.server, port, runtime="system", python=sys.executable, workdir=str(self.work))

    def run(self, device: OpenDevice, program: str, timeout_s: float = 120.0) -> None:
        """Runs a job whose runner is `program`, a shell script."""
        assert isinstance(device, PosixDevice)
        script, file = self.folder / "runner", self.folder / "model.onnx"
        script.write_text(program.replace("$RUNNER", str(self.pid)))
        artifact = made_up.artifact(file, "onnx")
        job = PosixDevice(device.transport, device.workdir, ("sh", str(script)), None, left=device.left)
        inputs = [np.zeros((1, 1), np.float32)]
        settings = RunSettings(timeout_s=timeout_s)
        into = self.folder / "raw"
        job.execute(CellJob("cell", artifact, file, inputs, made_up.PLACEMENT, settings, into, device.probe()))

    def when_at_work(self, then: Callable[[], object]) -> threading.Thread:
        return once(self.pid.exists, then)

    def at_work(self) -> bool:
        return running(int(self.pid.read_text()))

    def jobs(self) -> list[str]:
        return [path.name for path in self.work.glob("job-*")]


@pytest.fixture
def board(server: Sshd, tmp_path: Path) -> Board:
    return Board(server, tmp_path)


def test_a_device_that_is_switched_off_in_a_job_is_waited_for_and_cleaned(
    board: Board, held: DeviceSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BACKOFF_S", 0.2)
    device = held.device(board.spec())
    power_cut = board.when_at_work(board.server.kill)
    with pytest.raises(Unreachable):
        board.run(device, HANGS)
    power_cut.join()
    assert len(board.jobs()) == 1, "nobody could remove it"
    held.drop(board.spec())

    back = threading.Timer(3.0, board.server.start)
    begin = time.monotonic()
    back.start()
    again = held.device(board.spec())
    assert time.monotonic() - begin > 3
    back.join()
    with pytest.raises(RunnerCrashed):
        board.run(again, ENDS)
    assert board.jobs() == []
    assert again.left == []


def test_a_runner_behind_a_link_that_was_cut_in_silence_is_ended_before_the_next_job(
    board: Board, held: DeviceSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device has no word of the cut: without us the runner would go on until its deadline and `GRACE_S`."""
    monkeypatch.setattr("edgerig.devices.ssh.command.GRACE_S", 600)
    monkeypatch.setattr("edgerig.devices.ssh.channel.END_TIMEOUT_S", 1.0)
    monkeypatch.setattr("edgerig.devices.leftovers.TIMEOUT_S", 10.0)
    monkeypatch.setattr("edgerig.devices.lease.RELEASE_TIMEOUT_S", 1.0)
    with slow_link.slow_link(board.server.port) as link:
        sshd.trust(board.server.known_hosts, link.port, board.server.host_key)
        device = held.device(board.spec(link.port))
        cut = board.when_at_work(link.freeze)
        with pytest.raises((RunTimeout, Unreachable)):
            board.run(device, HANGS, timeout_s=3.0)
        cut.join()
        (left,) = board.jobs()
        assert board.at_work()
        held.drop(board.spec())
        again = held.device(board.spec())
        assert again.left == [f"{board.work}/{left}"]
        with pytest.raises(RunnerCrashed):
            board.run(again, ENDS)
    assert not board.at_work()
    assert board.jobs() == []


def test_a_link_that_is_lost_for_a_moment_leaves_nothing(board: Board, held: DeviceSessions) -> None:
    device = held.device(board.spec())
    cut = board.when_at_work(board.server.cut_sessions)
    with pytest.raises(Unreachable):
        board.run(device, HANGS)
    cut.join()
    assert board.jobs() == []
    assert device.left == []
    wait_for(lambda: not board.at_work())


def test_what_a_host_that_is_gone_left_is_swept_when_the_device_is_opened(board: Board, held: DeviceSessions) -> None:
    old, young = board.work / "job-0123456789ab", board.work / "job-ba9876543210"
    board.work.mkdir(mode=0o700)
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    held.device(board.spec())
    assert board.jobs() == [young.name]


def test_a_runner_that_fails_and_leaves_no_word_is_told_by_its_last(board: Board, held: DeviceSessions) -> None:
    device = held.device(board.spec())
    with pytest.raises(RunError) as caught:
        board.run(device, "#!/bin/sh\necho 'OSError: [Errno 28] No space left on device' >&2\nexit 1\n")
    assert caught.value.kind == "RunError"
    assert "ended with exit code 1 and left no raw run" in caught.value.message
    assert caught.value.message.endswith("the last it said: OSError: [Errno 28] No space left on device")
    assert "free some space" in caught.value.hint
    with pytest.raises(RunError, match="no module named numpy") as caught:
        board.run(
            device, "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x >&2\necho no module named numpy >&2\nexit 1\n"
        )
    assert "log" in caught.value.hint
    assert len(caught.value.message) < 1000
    with pytest.raises(DeviceError, match=r"raw\.json"):
        board.run(device, "#!/bin/sh\nexit 0\n")
    assert board.jobs() == []
