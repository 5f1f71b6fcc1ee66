"""The emulated machine, really started: reached as an SSH device, good for a cell, and gone when it must be."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from processes import running, wait_for

from edgerig.cache import cache_root
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.qemu.system import QEMU, VmTransport, machine
from edgerig.devices.qemu.vm_image import VmImage, vm_image
from edgerig.errors import DeviceError, HostKeyMismatch
from edgerig.process import Finished
from edgerig.results import DeviceRecord

pytestmark = [pytest.mark.integration, pytest.mark.needs("qemu-system-arm", "e2fsprogs", "g++-aarch64-linux-gnu")]

STARTS = """
import sys, time
from edgerig.cache import cache_root
from edgerig.devices.qemu.system import machine
from edgerig.devices.qemu.vm_image import vm_image
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
spec = QemuSystemDevice(name=sys.argv[1], kind="qemu-system", cpu="cortex-a72")
print("starting", flush=True)
with machine(spec, vm_image(cache_root() / "vm")) as login:
    print(login.port, flush=True)
    time.sleep(300)
"""

INTERRUPTED = """
import threading
from edgerig import process
from edgerig.cache import cache_root
from edgerig.devices.qemu.system import machine
from edgerig.devices.qemu.vm_image import vm_image
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
image = vm_image(cache_root() / "vm")
scope = process.Scope()
threading.Timer(0.5, scope.stop).start()
try:
    with scope.entered(), machine(QemuSystemDevice(name="vm", kind="qemu-system", cpu="cortex-a72"), image):
        print("started")
except process.Stopped:
    print("Stopped")
"""


def spec(**changes: object) -> QemuSystemDevice:
    return QemuSystemDevice.model_validate({"name": "vm", "kind": "qemu-system", "cpu": "cortex-a72", **changes})


@pytest.fixture(scope="module")
def image() -> VmImage:
    return vm_image(cache_root() / "vm")


@pytest.fixture(scope="module")
def login(image: VmImage) -> Iterator[SshDevice]:
    with machine(spec(cores=2), image) as found:
        yield found


@pytest.fixture(scope="module")
def transport(login: SshDevice) -> Iterator[VmTransport]:
    with VmTransport(spec(cores=2), login) as entered:
        yield entered


def shell(transport: VmTransport, script: str, timeout_s: float = 60.0) -> Finished:
    return transport.run(["sh", "-c", script], timeout_s)


def emulators(parent: int) -> list[int]:
    """The QEMU processes that are children's children of `parent`: each runs on a leash."""
    family: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if rest.split()[0] != "Z":
            family.setdefault(int(rest.split()[1]), []).append((int(entry.name), name))
    leashes = [pid for pid, _ in family.get(parent, [])]
    return [pid for leash in leashes for pid, name in family.get(leash, []) if QEMU.startswith(name)]


def test_login_and_exit_codes(transport: VmTransport) -> None:
    done = shell(transport, "id -un; uname -m; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"edgerig\naarch64\n", b"err\n")
    assert shell(transport, "kill -9 $$").returncode == -9


def test_a_deadline_ends_the_command_in_the_guest(transport: VmTransport) -> None:
    assert shell(transport, "echo $$ >/tmp/pid; exec sleep 300", timeout_s=3).timed_out
    ends = "read -r p </tmp/pid && for i in 1 2 3 4 5; do [ -d /proc/$p ] || exit 0; sleep 1; done; exit 1"
    assert shell(transport, ends).returncode == 0


def test_files_go_there_and_back(transport: VmTransport, tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20)
    (tmp_path / "sent").write_bytes(content)
    transport.push(tmp_path / "sent", "/home/edgerig/a file")
    transport.pull("/home/edgerig/a file", tmp_path / "back", len(content))
    assert (tmp_path / "back").read_bytes() == content


def test_the_probe_describes_the_guest(transport: VmTransport) -> None:
    record = transport.probe()
    assert isinstance(record, DeviceRecord)
    assert (record.kind, record.emulated, record.arch) == ("qemu-system", True, "aarch64")
    assert (record.cpu, record.cores) == ("cortex-a72", 2)
    assert record.os.startswith("Debian GNU/Linux 12")
    assert 0.8 * 2**30 < record.memory_bytes <= 2**30
    cpuinfo = shell(transport, "cat /proc/cpuinfo").stdout.decode()
    assert "0x41" in cpuinfo and "0xd08" in cpuinfo  # Arm, Cortex-A72


def test_another_host_key_is_refused(login: SshDevice, tmp_path: Path) -> None:
    other = paramiko.ECDSAKey.generate()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{login.port} {other.get_name()} {other.get_base64()}\n")
    with (
        pytest.raises(HostKeyMismatch),
        VmTransport(spec(), login.model_copy(update={"known_hosts": tmp_path / "known_hosts"})),
    ):
        pass


def test_the_guest_reaches_nothing_and_is_reached_on_loopback_only(transport: VmTransport, login: SshDevice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = shell(transport, f"busybox nc -w 3 10.0.2.2 {server.getsockname()[1]} </dev/null; echo $?")
        assert done.stdout == b"1\n"
    listening = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [local for local, _, state in listening if state == "0A" and local.endswith(f":{login.port:04X}")]
    assert addresses == [f"0100007F:{login.port:04X}"]


def test_every_start_is_fresh_and_gone_at_its_end(image: VmImage) -> None:
    before = image.disk.stat().st_mtime_ns
    keys = []
    for cpu, feature in (("cortex-a53", None), ("cortex-a76", "asimddp")):
        others = emulators(os.getpid())
        with machine(spec(cpu=cpu), image) as login, VmTransport(spec(), login) as transport:
            (pid,) = set(emulators(os.getpid())).difference(others)
            keys.append(login.known_hosts.read_text())
            done = shell(transport, "ls /home/edgerig; touch /home/edgerig/left; grep -m1 Features /proc/cpuinfo")
            assert b"left\n" not in done.stdout
            assert feature is None or feature.encode() in done.stdout
            folder = login.key.parent
        assert not running(pid)
        assert not folder.exists()
    assert keys[0].split()[2] != keys[1].split()[2]
    assert image.disk.stat().st_mtime_ns == before


def test_it_ends_when_what_is_done_with_it_fails(image: VmImage) -> None:
    with pytest.raises(ZeroDivisionError), machine(spec(), image) as login:
        folder = login.key.parent
        1 / 0  # noqa: B018
    assert not folder.exists()


def test_an_interrupted_sweep_stops_a_machine_that_starts(image: VmImage, tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout, done.returncode) == ("Stopped\n", 0), done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wait_for_login", [True, False], ids=["running", "starting"])
def test_a_killed_host_leaves_no_emulator(image: VmImage, tmp_path: Path, wait_for_login: bool) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", STARTS, "killed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as host:
        assert host.stdout.readline() == "starting\n"
        if wait_for_login:
            assert int(host.stdout.readline())
        pids = wait_for(lambda: emulators(host.pid), 60)
        os.kill(host.pid, signal.SIGKILL)
    wait_for(lambda: not any(running(pid) for pid in pids), 60)
    wait_for(lambda: not list(tmp_path.iterdir()), 60)


def test_a_machine_without_a_system_tells_what_its_console_said(image: VmImage, tmp_path: Path) -> None:
    empty = tmp_path / "root.ext4"
    with empty.open("wb") as file:
        file.truncate(64 * 2**20)
    begin = time.monotonic()
    with pytest.raises(DeviceError) as caught, machine(spec(), dataclasses.replace(image, disk=empty)):
        pass
    assert time.monotonic() - begin < 60, "a panic ends the wait, not the deadline"
    assert "QEMU ended with exit code 0" in caught.value.message
    assert "Kernel panic" in caught.value.message
    assert str(tmp_path) in caught.value.hint


def test_a_kernel_that_does_nothing_is_given_up_at_the_deadline(image: VmImage, tmp_path: Path) -> None:
    nonsense = tmp_path / "kernel"
    nonsense.write_bytes(b"\x14\0\0\0" * 2**16)  # no instruction an arm64 knows
    begin = time.monotonic()
    with (
        pytest.raises(DeviceError, match="did not answer within 5 s") as caught,
        machine(spec(boot_timeout_s=5), dataclasses.replace(image, kernel=nonsense)),
    ):
        pass
    assert time.monotonic() - begin < 30
    assert "neither QEMU nor the console said a word" in caught.value.message
    assert "boot_timeout_s" in caught.value.hint


def test_what_qemu_refuses_is_told(image: VmImage, tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught, machine(spec(), dataclasses.replace(image, kernel=tmp_path / "none")):
        pass
    assert "QEMU ended with exit code 1" in caught.value.message
    assert "could not load kernel" in caught.value.message
