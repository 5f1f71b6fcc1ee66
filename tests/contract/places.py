"""Where the transport contract is held to: every transport, each on the real thing.

A new transport is one row of `PLACES`: a context manager that gives an entered transport and a folder of the test's
own on its device. The device needs `sh` and the usual small tools (busybox will do), nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import adb_device
import adbd
import posix_device
import pytest
import sshd
from needs import require
from ssh_device import spec_of

from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.devices.local import LocalTransport
from edgerig.devices.ssh import SshTransport
from edgerig.devices.transport import Transport


@dataclass(frozen=True)
class Place:
    """An entered transport and a folder that exists on its device. `arch` is given where commands run on this machine
    and only the runner is emulated."""

    transport: Transport
    folder: str
    arch: str = ""


@contextlib.contextmanager
def local(tmp_path: Path) -> Iterator[Place]:
    with LocalTransport() as transport:
        yield Place(transport, str(tmp_path))


@contextlib.contextmanager
def ssh(tmp_path: Path) -> Iterator[Place]:
    with sshd.running(tmp_path / "sshd") as server:
        (tmp_path / "device").mkdir()
        with SshTransport(spec_of(server, workdir=str(tmp_path / "work"))) as transport:
            yield Place(transport, str(tmp_path / "device"))


@contextlib.contextmanager
def adb(tmp_path: Path) -> Iterator[Place]:
    with adbd.adb_target() as target, pytest.MonkeyPatch.context() as patch:
        adb_device.use(patch, target.environment)
        with adb_device.opened(adb_device.device(target)) as transport:
            assert transport.run(["mkdir", "/data/local/tmp/contract"], 30).returncode == 0
            yield Place(transport, "/data/local/tmp/contract")


@contextlib.contextmanager
def qemu_user(tmp_path: Path) -> Iterator[Place]:
    require("qemu-user", "g++", "g++-aarch64-linux-gnu")
    with posix_device.opened(QemuUserDevice(name="contract", kind="qemu-user", cpu="cortex-a72")) as opened:
        yield Place(opened.transport, str(tmp_path), arch="aarch64")


@contextlib.contextmanager
def qemu_system(tmp_path: Path) -> Iterator[Place]:
    require("qemu-system-arm", "e2fsprogs", "g++-aarch64-linux-gnu")
    with posix_device.opened(QemuSystemDevice(name="contract", kind="qemu-system", cpu="cortex-a72")) as opened:
        yield Place(opened.transport, opened.workdir)


PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {
    "local": local,
    "ssh": ssh,
    "adb": adb,
    "qemu-user": qemu_user,
    "qemu-system": qemu_system,
}
