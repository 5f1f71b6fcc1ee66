"""adb against a real adbd that is really killed, cut off and switched off, and a host that goes away."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import adbd
import pytest
from adb_device import FOLDER, MIB, WORKDIR, device, fresh, linked, listing, opened, use
from adbd import AdbTarget
from processes import processes, wait_for

from edgerig import process
from edgerig.devices.adb import command as adb_command
from edgerig.devices.adb import shell as adb_shell
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError, Unreachable
from edgerig.spec import PACKAGE

pytestmark = pytest.mark.integration


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbTarget]:
    with adbd.adb_target() as running:
        use(monkeypatch, running.environment)
        yield running


def sleepers(transport: Transport) -> list[str]:
    done = transport.run(["ps", "-o", "pid,args"], 30)
    return [line for line in done.stdout.decode().splitlines() if "sleep 3" in line and "sh -c" not in line]


def in_thread(work: Callable[[], object], scope: process.Scope | None = None) -> tuple[threading.Thread, list[object]]:
    """Runs `work` beside the test, in the `scope` if there is one; gives the thread and what it ended with."""
    ended = []

    def run() -> None:
        try:
            with scope.entered() if scope else contextlib.nullcontext():
                ended.append(work())
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ended


def test_a_push_survives_a_cut_link(target: AdbTarget, tmp_path: Path) -> None:
    sent = fresh(tmp_path / "sent", 40 * MIB)
    with linked(target, cut_after_bytes=10 * MIB) as (link, transport):
        transport.push(sent, f"{FOLDER}/file")
        assert link.cuts >= 1
        transport.pull(f"{FOLDER}/file", tmp_path / "back", 40 * MIB)
        wait_for(lambda: not [name for name in listing(transport, f"{WORKDIR}/store") if name.endswith(".part")])
    assert (tmp_path / "back").read_bytes() == sent.read_bytes()


def test_a_pull_survives_a_cut_link(target: AdbTarget, tmp_path: Path) -> None:
    there = f"{FOLDER}/there"
    with linked(target, bytes_per_s=20e6) as (link, transport):
        assert transport.run(["sh", "-c", 'head -c 20000000 /dev/urandom >"$1"', "sh", there], 60).returncode == 0
        thread, ended = in_thread(lambda: transport.pull(there, tmp_path / "back", 20 * MIB))
        wait_for(lambda: any(part.stat().st_size > MIB for part in tmp_path.glob(".*.part")))
        link.cut()
        thread.join(60)
        assert ended == [None]
        [expected, _] = transport.run(["sha256sum", there], 60).stdout.decode().split()
    assert hashlib.sha256((tmp_path / "back").read_bytes()).hexdigest() == expected
    assert not list(tmp_path.glob(".*.part"))


def test_an_upload_keeps_a_window_in_flight(target: AdbTarget, tmp_path: Path) -> None:
    """With 50 ms added to each round trip, 8 MiB in pieces of 32 KiB would take 12 s one at a time."""
    sent = fresh(tmp_path / "sent", 8 * MIB)
    with linked(target, round_trip_s=0.05) as (link, transport):
        begin = time.monotonic()
        transport.push(sent, f"{FOLDER}/file")
        assert time.monotonic() - begin < 6
        assert link.carried > 8 * MIB
        transport.pull(f"{FOLDER}/file", tmp_path / "back", 8 * MIB)
    assert (tmp_path / "back").read_bytes() == sent.read_bytes()


def test_an_interrupted_sweep_ends_what_runs_and_what_is_sent(target: AdbTarget, tmp_path: Path) -> None:
    scope, sent = process.Scope(), fresh(tmp_path / "sent", 60 * MIB)
    with linked(target, bytes_per_s=5e6) as (link, transport):
        run, ran = in_thread(lambda: transport.run(["sh", "-c", "sleep 300; sleep 301"], 600), scope)
        wait_for(lambda: sleepers(transport))
        push, pushed = in_thread(lambda: transport.push(sent, f"{FOLDER}/file"), scope)
        wait_for(lambda: link.carried > 5 * MIB)
        scope.stop()
        run.join(20)
        push.join(20)
        assert [type(end) for end in (*ran, *pushed)] == [process.Stopped, process.Stopped]
        with scope.entered():
            with pytest.raises(process.Stopped):
                transport.push(tmp_path / "sent", f"{FOLDER}/file")
            assert sleepers(transport) == [], "what tidies up still runs"
        assert listing(transport, FOLDER) == ["edgerig"]
        wait_for(lambda: listing(transport, f"{WORKDIR}/store") == [])


def test_a_device_switched_off_mid_push_is_unreachable(target: AdbTarget, tmp_path: Path) -> None:
    sent = fresh(tmp_path / "sent", 60 * MIB)
    with linked(target, bytes_per_s=10e6) as (link, transport):
        thread, ended = in_thread(lambda: transport.push(sent, f"{FOLDER}/file"))
        wait_for(lambda: link.carried > 5 * MIB)
        target.power_off()
        thread.join(60)
    assert isinstance(ended[0], Unreachable), ended
    assert ended[0].hint


def test_adbd_killed_mid_run_is_unreachable_and_the_command_ends(target: AdbTarget) -> None:
    with opened(device(target)) as transport:
        thread, ended = in_thread(lambda: transport.run(["sh", "-c", "sleep 300; sleep 301"], 60))
        wait_for(lambda: sleepers(transport))
        target.restart_adbd()
        thread.join(20)
        assert isinstance(ended[0], Unreachable), ended
        assert "while sh ran" in ended[0].message
        wait_for(lambda: not sleepers(transport))


def test_a_restart_between_two_commands_is_not_noticed(target: AdbTarget) -> None:
    with opened(device(target)) as transport:
        for _ in range(3):
            target.restart_adbd()
            assert transport.run(["echo", "here"], 30).stdout == b"here\n"


def test_a_host_that_is_killed_leaves_nothing_running(target: AdbTarget) -> None:
    code = (
        "import sys; from edgerig.devices.adb import AdbTransport; from edgerig.devices.kinds.adb import AdbDevice\n"
        f"with AdbTransport(AdbDevice(name='a', kind='adb', serial={target.address!r})) as t:\n"
        "    t.run(['sh', '-c', 'trap \"\" HUP TERM; sleep 300; sleep 301'], 600)\n"
    )
    with opened(device(target)) as transport:
        host = subprocess.Popen([sys.executable, "-c", code], cwd=PACKAGE.parent)
        wait_for(lambda: sleepers(transport))
        host.kill()
        host.wait()
        wait_for(lambda: not sleepers(transport))


def test_over_a_frozen_link_the_device_ends_the_command_by_itself(
    target: AdbTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adb_command, "GRACE_S", 1.0)
    monkeypatch.setattr(adb_shell, "KILL_GRACE_S", 1.0)
    [passing_on] = map(int, Path(f"/proc/{target.init.pid}/task/{target.init.pid}/children").read_text().split())
    ticks = f"{FOLDER}/{tmp_path.name}"
    script = 'while :; do echo x >>"$1"; sleep 0.1; done'
    with opened(device(target)) as transport:
        thread, ended = in_thread(lambda: transport.run(["sh", "-c", script, "sh", ticks], 4.0))
        wait_for(lambda: transport.run(["sh", "-c", '[ -s "$1" ]', "sh", ticks], 30).returncode == 0)
        assert processes(ticks)
        os.kill(passing_on, signal.SIGSTOP)
        try:
            thread.join(30)
            wait_for(lambda: not processes(ticks))  # this machine sees into the device's namespace
        finally:
            os.kill(passing_on, signal.SIGCONT)
        assert isinstance(ended[0], Unreachable), ended
        assert "did not confirm" in ended[0].message


def test_nothing_stays_behind_on_the_device(target: AdbTarget, tmp_path: Path) -> None:
    with opened(device(target)) as transport:
        for _ in range(5):
            transport.run(["true"], 30)
        with contextlib.suppress(DeviceError):
            transport.run(["nosuch"], 30)
        transport.run(["sh", "-c", "sleep 300 & exit 3"], 30)
        left = transport.run(["sh", "-c", "for p in /proc/[0-9]*; do cat $p/comm; done"], 30).stdout.split()
    # process 1, adbd, and this command itself with what watches over it
    assert len(left) <= 9, left
    assert left.count(b"sleep") <= 1
