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

import adbd
import pytest
import sshd

from edgerig.devices import open_device
from edgerig.devices.adb import AdbTransport
from edgerig.devices.local import LocalTransport
from edgerig.devices.ssh import SshTransport
from edgerig.devices.transport import Transport
from edgerig.spec import AdbDevice, QemuSystemDevice, QemuUserDevice, SshDevice


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
        spec = SshDevice(
            name="contract",
            kind="ssh",
            host="127.0.0.1",
            port=server.port,
            user=server.user,
            key=server.client_key,
            known_hosts=server.known_hosts,
            workdir=str(tmp_path / "work"),
        )
        (tmp_path / "device").mkdir()
        with SshTransport(spec) as transport:
            yield Place(transport, str(tmp_path / "device"))


@contextlib.contextmanager
def adb(tmp_path: Path) -> Iterator[Place]:
    with adbd.adb_target() as target, pytest.MonkeyPatch.context() as patch:
        for key, value in target.environment.items():
            patch.setenv(key, value)
        spec = AdbDevice(name="contract", kind="adb", connect=target.address)
        with AdbTransport(spec) as transport:
            transport.prepare()
            assert transport.run(["mkdir", "/data/local/tmp/contract"], 30).returncode == 0
            yield Place(transport, "/data/local/tmp/contract")


@contextlib.contextmanager
def qemu_user(tmp_path: Path) -> Iterator[Place]:
    with open_device(QemuUserDevice(name="contract", kind="qemu-user", cpu="cortex-a72")) as opened:
        yield Place(opened.transport, str(tmp_path), arch="aarch64")


@contextlib.contextmanager
def qemu_system(tmp_path: Path) -> Iterator[Place]:
    with open_device(QemuSystemDevice(name="contract", kind="qemu-system", cpu="cortex-a72")) as opened:
        yield Place(opened.transport, opened.workdir)


PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {
    "local": local,
    "ssh": ssh,
    "adb": adb,
    "qemu-user": qemu_user,
    "qemu-system": qemu_system,
}
