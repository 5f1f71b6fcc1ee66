"""A whole arm64 machine emulated by QEMU (`-M virt`), with Debian, its own kernel and sshd, reached over SSH.

The machine is started for the device and ended with it, on every way out: QEMU runs on a leash (`leash.py`) that kills
it when this process ends, however it ends. Its network is a loopback port of this host and nothing else; what it writes
is thrown away. Host key and login key are made for each start and travel in the initrd, so the host key is enforced as
on any SSH device.
"""

from __future__ import annotations

import contextlib
import functools
import io
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from edgerig import process
from edgerig.cache import cache_root
from edgerig.devices.bundle import bundle
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.leashed import free_ports, let_go, on_a_leash, private_folder
from edgerig.devices.qemu import initrd
from edgerig.devices.qemu.vm_image import SYSTEM_PATH, VmImage, bundle_disk, tool, vm_image
from edgerig.devices.ssh import SshTransport
from edgerig.devices.turns import Claim
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord

QEMU = "qemu-system-aarch64"
QEMU_PACKAGE = "qemu-system-arm"
USER = "edgerig"
WORKDIR = f"/home/{USER}"
BUNDLE_ROOT = "/opt"
"""Where `guest/start` mounts the second disk."""
LOOPBACK = "127.0.0.1"
# panic=-1 with -no-reboot: a kernel that panics ends the emulator at once instead of at the deadline.
KERNEL_ARGUMENTS = "console=ttyAMA0 loglevel=5 panic=-1"
PORT_TRIES = 5
PORT_TAKEN = b"Could not set up host forwarding rule"
GREETING_TIMEOUT_S = 1.0
LOG_TAIL_BYTES = 3000


@contextlib.contextmanager
def open_qemu_system(spec: QemuSystemDevice, claim: Claim | None = None) -> Iterator[PosixDevice]:
    """Starts the machine, the bundle on a disk of its own. Raises DeviceError when something of it is missing.

    No `claim` is asked: the machine is this process' own, and nobody else can be at work on it.
    """
    tool(QEMU, QEMU_PACKAGE)  # before anything is downloaded for it
    cache = cache_root() / "vm"
    image, runtimes = vm_image(cache), bundle("aarch64")
    with machine(spec, image, [bundle_disk(runtimes, cache)]) as login, VmTransport(spec, login) as transport:
        yield PosixDevice(
            transport=transport,
            workdir=WORKDIR,
            python=runtimes.python(BUNDLE_ROOT),
            executorch_library=runtimes.executorch_library(BUNDLE_ROOT),
            clock=runtimes.clock(BUNDLE_ROOT),
        )


class VmTransport(SshTransport):
    """SSH to an emulated machine. Its kernel knows its processor by numbers; its name is what QEMU was told."""

    def __init__(self, spec: QemuSystemDevice, login: SshDevice) -> None:
        super().__init__(login)
        self._machine = spec

    def probe(self) -> DeviceRecord:
        return super().probe().model_copy(update={"kind": self._machine.kind, "cpu": self._machine.cpu})


@contextlib.contextmanager
def machine(spec: QemuSystemDevice, image: VmImage, disks: Sequence[Path] = ()) -> Iterator[SshDevice]:
    """A running machine whose sshd answers, as the SSH device it is; ended on leaving.

    `disks` are ext4 images it gets read-only. Raises DeviceError, with the end of the machine's console, when it does
    not come up in time.
    """
    with private_folder("edgerig-vm-") as folder:
        login = _Login.make()
        _write_initrd(image, login, folder / "initrd")
        deadline = time.monotonic() + spec.boot_timeout_s
        for _ in range(PORT_TRIES):
            (port,) = free_ports(1)
            with _running(_command(spec, image, disks, folder, port), folder) as qemu:
                try:
                    with process.ended_by_stop(functools.partial(let_go, qemu), refuse=True):
                        _await_sshd(spec, image, qemu, folder, port, deadline)
                except _PortTaken:
                    continue
                yield login.device(spec.name, folder, port)
                return
    raise DeviceError(
        f"{spec.name}: no port of {LOOPBACK} could be forwarded in {PORT_TRIES} tries",
        hint="does another program take every port? try again",
    )


def _write_initrd(image: VmImage, login: _Login, initrd_here: Path) -> None:
    try:
        initrd_here.write_bytes(image.initrd.read_bytes() + login.archive())
    except OSError as error:
        raise DeviceError(
            f"the machine's initrd cannot be written: {error}",
            hint=f"is there space? if {image.initrd} is missing: {_make_anew(image)}",
        ) from error


class _PortTaken(Exception):
    """Between choosing a free port and QEMU's binding it, another program took it."""


@dataclass(frozen=True)
class _Login:
    """The keys of one start: the host's own, so that nobody else can pose as it, and ours to log in with."""

    host: paramiko.ECDSAKey
    client: paramiko.ECDSAKey

    @classmethod
    def make(cls) -> _Login:
        return cls(paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate())

    def archive(self) -> bytes:
        """What the guest needs of them, to be appended to its initrd."""
        host = io.StringIO()
        self.host.write_private_key(host)
        return initrd.archive(
            {
                "keys/host_key": initrd.Entry(host.getvalue().encode("ascii"), 0o600),
                "keys/authorized_keys": initrd.Entry(f"{_public(self.client)}\n".encode("ascii")),
            }
        )

    def device(self, name: str, folder: Path, port: int) -> SshDevice:
        """The guest as an SSH device, its keys' files in `folder`."""
        key, known_hosts = folder / "client_key", folder / "known_hosts"
        self.client.write_private_key_file(str(key))
        known_hosts.write_text(f"[{LOOPBACK}]:{port} {_public(self.host)}\n", encoding="ascii")
        return SshDevice(
            name=name,
            kind="ssh",
            emulated=True,
            host=LOOPBACK,
            port=port,
            user=USER,
            key=key,
            known_hosts=known_hosts,
            proxy_jump="none",
            workdir=WORKDIR,
        )


def _public(key: paramiko.ECDSAKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def _command(spec: QemuSystemDevice, image: VmImage, disks: Sequence[Path], folder: Path, port: int) -> list[str]:
    """QEMU's command line. Disks appear in the guest as vda, vdb, … in this order."""
    drives: list[str] = []
    for number, disk in enumerate([image.disk, *disks]):
        path = str(disk).replace(",", ",,")  # how QEMU wants a comma inside a value
        drives += [
            "-drive",
            f"if=none,id=disk{number},format=raw,snapshot=on,file={path}",
            "-device",
            f"virtio-blk-pci,drive=disk{number}",
        ]
    forward = f"user,id=net,restrict=on,hostfwd=tcp:{LOOPBACK}:{port}-:22"
    return [
        tool(QEMU, QEMU_PACKAGE),
        *("-no-user-config", "-nodefaults", "-no-reboot", "-display", "none"),
        *("-machine", "virt", "-accel", "tcg", "-cpu", spec.cpu, "-smp", str(spec.cores), "-m", str(spec.memory_mib)),
        *("-kernel", str(image.kernel), "-initrd", str(folder / "initrd"), "-append", KERNEL_ARGUMENTS),
        *("-serial", f"file:{folder / 'console.log'}".replace(",", ",,")),
        *drives,
        *("-netdev", forward, "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"),
    ]


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`command` on a leash: killed on leaving, when its standard input is closed, and whenever this process ends."""
    # TMPDIR: what the guest writes goes to files that disappear with the folder.
    environment = {"PATH": SYSTEM_PATH, "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    with on_a_leash(QEMU, command, folder, folder / "qemu.log", environment) as leashed:
        yield leashed


def _await_sshd(
    spec: QemuSystemDevice, image: VmImage, qemu: subprocess.Popen[bytes], folder: Path, port: int, deadline: float
) -> None:
    """Returns when the guest's sshd greets. Raises DeviceError when QEMU ends or the deadline passes before."""
    patience = GREETING_TIMEOUT_S
    while True:
        if qemu.poll() is not None:
            if PORT_TAKEN in _tail(folder / "qemu.log"):
                raise _PortTaken
            raise DeviceError(
                f"{spec.name}: QEMU ended with {_ending(qemu.returncode)} while the machine started{_said(folder)}",
                hint=_make_anew(image),
            )
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeviceError(
                f"{spec.name}: the machine's sshd did not answer within {spec.boot_timeout_s:g} s{_said(folder)}",
                hint=f'raise "boot_timeout_s" when this machine is slow or busy; {_make_anew(image)}',
            )
        if _greets(port, min(left, patience)):
            return
        # A connection made before the guest listens may hang: short tries, longer ones on a machine that is slow.
        patience *= 1.2
        time.sleep(0.1)


def _greets(port: int, timeout_s: float) -> bool:
    """Whether an SSH server speaks first. QEMU itself accepts a connection before the guest listens."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s) as link:
            return link.recv(4) == b"SSH-"
    except OSError:
        return False


def _ending(returncode: int) -> str:
    """The leash reports a signal as a shell does."""
    return process.signal_name(128 - returncode if returncode > 128 else returncode)


def _said(folder: Path) -> str:
    """The last words of QEMU and of the guest's console, without what a terminal would obey."""
    said = ""
    for title, name in (("QEMU said", "qemu.log"), ("the console's end", "console.log")):
        text = _tail(folder / name).decode("utf-8", "replace").replace("\r\n", "\n").strip()
        if text:
            said += f"\n{title}:\n" + "".join(c if c == "\n" or c.isprintable() else "·" for c in text)
    return said or "\nneither QEMU nor the console said a word"


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            return file.read(LOG_TAIL_BYTES)
    except FileNotFoundError:
        return b""


def _make_anew(image: VmImage) -> str:
    return f"rm -r {shlex.quote(str(image.disk.parent))} has the image made anew"
