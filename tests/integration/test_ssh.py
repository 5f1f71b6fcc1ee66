"""SSH against real servers that are really killed, links that are really cut and frozen, and the device as a whole."""

import contextlib
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import posix_device
import pytest
import slow_link
import sshd
from processes import once, running, wait_for
from ssh_device import MB, jumping, parts, random_file, spec_of, trust_port, use_relay
from sshd import Sshd

from edgerig import process
from edgerig import spec as specs
from edgerig.devices import open_device
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.ssh import SshTransport
from edgerig.errors import DeviceError, Unreachable

pytestmark = pytest.mark.integration


# Links that drop


def test_a_link_that_drops_between_commands_is_made_again_once(server: Sshd) -> None:
    with SshTransport(spec_of(server)) as transport:
        assert transport.run(["true"], 30).returncode == 0
        server.cut_sessions()
        assert transport.run(["echo", "again"], 30).stdout == b"again\n"
        server.kill()
        begin = time.monotonic()
        with pytest.raises(Unreachable):
            transport.run(["true"], 30)
        assert time.monotonic() - begin < 20
        server.start()
        assert transport.run(["echo", "back"], 30).stdout == b"back\n"


def test_a_server_killed_in_a_run_is_unreachable_and_leaves_no_process(server: Sshd, tmp_path: Path) -> None:
    with SshTransport(spec_of(server)) as transport:
        once((tmp_path / "pids").exists, server.kill)
        begin = time.monotonic()
        with pytest.raises(Unreachable, match="lost during sh"):
            transport.run(
                ["sh", "-c", 'sleep 300 & echo $! $$ >"$1.tmp"; mv "$1.tmp" "$1"; wait', "sh", f"{tmp_path}/pids"], 120
            )
        assert time.monotonic() - begin < 30
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        wait_for(lambda: not any(running(pid) for pid in pids))


def test_a_link_cut_in_a_run_is_unreachable_and_leaves_no_process(server: Sshd, tmp_path: Path) -> None:
    with slow_link.slow_link(server.port) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            once((tmp_path / "pid").exists, link.cut)
            with pytest.raises(Unreachable):
                transport.run(
                    ["sh", "-c", 'echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; sleep 300', "sh", f"{tmp_path}/pid"], 120
                )
            wait_for(lambda: not running(int((tmp_path / "pid").read_text())))
            assert transport.run(["echo", "again"], 30).stdout == b"again\n"


def test_leaving_ends_what_still_runs(server: Sshd, tmp_path: Path) -> None:
    """The host goes away in the middle of a run: here by closing the transport under it."""
    transport = SshTransport(spec_of(server)).__enter__()

    def run() -> None:
        with contextlib.suppress(DeviceError):
            transport.run(["sh", "-c", 'echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; sleep 300', "sh", f"{tmp_path}/pid"], 120)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for((tmp_path / "pid").exists)
    transport.__exit__(None, None, None)
    wait_for(lambda: not running(int((tmp_path / "pid").read_text())))
    thread.join(30)
    assert not thread.is_alive()


def test_a_dead_link_does_not_keep_the_command_alive(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pulled cable: no end ever arrives at the server. The device ends the command by its own clock."""
    monkeypatch.setattr("edgerig.devices.ssh.command.GRACE_S", 1.0)
    monkeypatch.setattr("edgerig.devices.ssh.channel.END_TIMEOUT_S", 2.0)
    frozen = threading.Event()
    with slow_link.slow_link(server.port) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:

            def freeze() -> None:
                link.freeze()
                frozen.set()

            once((tmp_path / "pid").exists, freeze)
            script = 'echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; sleep 300'
            done = transport.run(["sh", "-c", script, "sh", f"{tmp_path}/pid"], 8.0)
            assert done.timed_out and done.returncode == -9
            assert frozen.is_set()
            wait_for(lambda: not running(int((tmp_path / "pid").read_text())))


def test_a_push_cut_in_the_middle_is_done_again(server: Sshd, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", 20 * MB)
    with slow_link.slow_link(server.port, cut_after_bytes=8 * MB) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            transport.push(sent, f"{tmp_path}/arrived")
        assert link.cuts == 1
    assert (tmp_path / "arrived").read_bytes() == sent.read_bytes()
    wait_for(lambda: parts(tmp_path) == [])


def test_a_server_killed_in_a_push_is_unreachable_and_leaves_no_part(server: Sshd, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", 50 * MB)
    (tmp_path / "target").write_bytes(b"old")
    with slow_link.slow_link(server.port, bytes_per_s=10 * MB) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            once(lambda: link.carried > 5 * MB, server.kill)
            with pytest.raises(Unreachable):
                transport.push(sent, f"{tmp_path}/target")
    assert (tmp_path / "target").read_bytes() == b"old"
    wait_for(lambda: parts(tmp_path) == [])


def test_a_pull_cut_in_the_middle_is_done_again(server: Sshd, tmp_path: Path) -> None:
    there = random_file(tmp_path / "there", 20 * MB)
    with slow_link.slow_link(server.port, bytes_per_s=20 * MB) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            started = time.monotonic()
            once(lambda: time.monotonic() - started > 0.4, link.cut)
            transport.pull(str(there), tmp_path / "back", 20 * MB)
        assert link.cuts >= 1
    assert (tmp_path / "back").read_bytes() == there.read_bytes()
    assert parts(tmp_path) == []


@pytest.fixture(params=["proxy command", "jump host"])
def carried(
    request: pytest.FixtureRequest, server: Sshd, home: Path, tmp_path: Path
) -> Iterator[tuple[SshDevice, Callable[[], None]]]:
    """A device that is reached through something real, and what freezes that."""
    if request.param == "proxy command":
        use_relay(home, tmp_path)
        yield spec_of(server), lambda: os.kill(int((tmp_path / "relay.pid").read_text()), signal.SIGSTOP)
        return
    with jumping(server, tmp_path) as jump:

        def freeze() -> None:
            for pid in sshd.sessions(jump.process.pid):
                os.kill(pid, signal.SIGSTOP)

        yield spec_of(server, proxy_jump=f"{jump.user}@127.0.0.1:{jump.port}"), freeze


def test_a_push_keeps_its_deadline_when_what_carries_the_link_freezes(
    carried: tuple[SshDevice, Callable[[], None]], server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No end is told. Where nothing more can be written the link is made anew and the push done again; where the window
    was full before, it was too slow. Both at the deadline."""
    spec, freeze = carried
    deadlines = itertools.chain([4.0], itertools.repeat(60.0))
    # By its name there: the package has a function of the same name.
    monkeypatch.setattr(sys.modules["edgerig.devices.ssh.upload"], "_timeout", lambda size: next(deadlines))
    sent = random_file(tmp_path / "sent", 60 * MB)
    with SshTransport(spec) as transport:
        thread = once(lambda: parts(tmp_path), freeze)
        begin = time.monotonic()
        try:
            transport.push(sent, f"{tmp_path}/arrived")
            assert (tmp_path / "arrived").read_bytes() == sent.read_bytes()
        except DeviceError as error:
            assert "not taken within" in error.message
        assert 4.0 < time.monotonic() - begin < 60
        thread.join()
        assert transport.run(["echo", "again"], 30).stdout == b"again\n"


def stands_still(folder: Path) -> bool:
    """Whether what arrives there has not grown for a while."""
    [part] = parts(folder)
    before = part.stat().st_size
    time.sleep(0.5)
    return part.stat().st_size == before


def test_an_interrupted_sweep_is_not_held_up_by_a_link_that_is_frozen(
    carried: tuple[SshDevice, Callable[[], None]], server: Sshd, tmp_path: Path
) -> None:
    spec, freeze = carried
    scope = process.Scope()
    sent = random_file(tmp_path / "sent", 60 * MB)
    ended: list[process.Stopped] = []

    def push() -> None:
        try:
            with scope.entered():
                transport.push(sent, f"{tmp_path}/arrived")
        except process.Stopped as stopped:
            ended.append(stopped)

    with SshTransport(spec) as transport:
        thread = threading.Thread(target=push)
        thread.start()
        wait_for(lambda: parts(tmp_path))
        freeze()
        wait_for(lambda: stands_still(tmp_path))
        begin = time.monotonic()
        scope.stop()
        thread.join(20)
        assert time.monotonic() - begin < 15
        assert ended
    assert time.monotonic() - begin < 25


def test_an_interrupted_sweep_ends_what_runs_on_the_device(server: Sshd, tmp_path: Path) -> None:
    scope, pid = process.Scope(), tmp_path / "pid"
    ended: list[process.Stopped] = []

    def run() -> None:
        try:
            with scope.entered():
                script = 'echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; sleep 300'
                transport.run(["sh", "-c", script, "sh", str(pid)], 300)
        except process.Stopped as stopped:
            ended.append(stopped)

    with SshTransport(spec_of(server)) as transport:
        thread = threading.Thread(target=run)
        thread.start()
        wait_for(pid.exists)
        scope.stop()
        thread.join(10)
        assert ended
        with scope.entered():
            with pytest.raises(process.Stopped):
                transport.push(pid, f"{pid}.copy")
            assert transport.run(["echo", "tidy"], 30).stdout == b"tidy\n"
    wait_for(lambda: not running(int(pid.read_text())))


# The device as a whole


def test_noise_of_the_login_shell_is_not_the_commands(server: Sshd, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy"
    noisy.write_text('#!/bin/sh\necho Welcome; echo warning >&2\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n')
    noisy.chmod(0o755)
    line = (server.folder / "authorized_keys").read_text()
    (server.folder / "authorized_keys").write_text(f'command="{noisy}" {line}')
    with SshTransport(spec_of(server)) as transport:
        done = transport.run(["sh", "-c", "echo out; echo err >&2"], 30)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_a_login_that_may_run_nothing_says_so(server: Sshd) -> None:
    line = (server.folder / "authorized_keys").read_text()
    (server.folder / "authorized_keys").write_text(f'command="echo not here; exit 1" {line}')
    with SshTransport(spec_of(server)) as transport, pytest.raises(DeviceError, match="not here"):
        transport.run(["true"], 30)


def test_a_signal_the_server_has_no_name_for_is_still_told_apart(server: Sshd) -> None:
    with SshTransport(spec_of(server)) as transport:
        done = transport.run(["sh", "-c", "kill -BUS $$"], 30)
    assert done.returncode < 0 and not done.timed_out
    assert b"SIGBUS" in done.stderr


def test_the_devices_own_python_is_checked_and_used(server: Sshd, tmp_path: Path) -> None:
    spec = spec_of(server, runtime="system", python=sys.executable)
    with posix_device.opened(spec) as device:
        assert device.python == (sys.executable, "-I")
        assert device.executorch_library is None and device.library_reason
        record = device.transport.probe()
    assert (record.kind, record.emulated) == ("ssh", False)
    assert record.state.free_bytes > 0
    assert record.state.python.startswith("3.")
    assert abs(record.state.clock_offset_s) < 30
    for name, value in record.state.model_dump().items():
        assert value is not None or record.state.reasons[name]
    assert Path(spec.workdir).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("python", ["no-such-python", "echo"])
def test_a_python_that_does_not_work_is_a_device_error(server: Sshd, python: str) -> None:
    with pytest.raises(DeviceError, match=python), open_device(spec_of(server, runtime="system", python=python)):
        pass


def test_a_workdir_that_cannot_be_made_is_a_device_error(server: Sshd) -> None:
    spec = spec_of(server, runtime="system", workdir="/proc/edgerig")
    with pytest.raises(DeviceError, match="/proc/edgerig") as caught, open_device(spec):
        pass
    assert "workdir" in caught.value.hint


def test_a_bundle_is_brought_over_ssh_and_brought_once(server: Sshd) -> None:
    """A device with nothing but a kernel of this architecture, as `runtime = "bundle"` takes it to be."""
    spec = spec_of(server, runtime="bundle")
    code = "import os, sys, numpy, onnxruntime, ai_edge_litert.interpreter; print(sys.prefix); print(*os.environ)"
    with posix_device.opened(spec) as device:
        assert device.executorch_library.startswith(f"{spec.workdir}/bundles/")
        done = device.transport.run([*device.python, "-c", code], 120)
        prefix, environment = done.stdout.decode().split("\n")[:2]
        assert done.returncode == 0, done.stderr
        assert prefix.startswith(f"{spec.workdir}/bundles/")
        assert set(environment.split()) <= {"LC_CTYPE"}
    bundles = sorted(os.listdir(f"{spec.workdir}/bundles"))
    assert len(bundles) == 1 and not bundles[0].startswith(".")
    with slow_link.slow_link(server.port) as link:
        trust_port(server, link.port)
        with posix_device.opened(spec_of(server, port=link.port, runtime="bundle")) as again:
            assert again.python == device.python
        assert link.carried < MB, "asked for, and found there"
    assert sorted(os.listdir(f"{spec.workdir}/bundles")) == bundles


def test_an_address_on_the_command_line_is_a_device(server: Sshd, home: Path) -> None:
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts.read_text())
    os.symlink(server.client_key, home / ".ssh" / "id_ed25519")
    spec = specs.load_device(f"ssh://{server.user}@127.0.0.1:{server.port}")
    assert isinstance(spec, SshDevice)
    with SshTransport(spec) as transport:
        assert transport.run(["true"], 30).returncode == 0
