"""A real adbd as a device: what the tests of adb share."""

import contextlib
import os
from pathlib import Path

import slow_link

from edgerig.devices.adb import AdbTransport
from edgerig.devices.kinds.adb import AdbDevice

MIB = 2**20
WORKDIR = "/data/local/tmp/edgerig"
FOLDER = "/data/local/tmp"


def use(monkeypatch, environment):
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


def device(target, **settings):
    return AdbDevice(name="android", kind="adb", **{"connect": target.address, **settings})


@contextlib.contextmanager
def opened(spec):
    with AdbTransport(spec) as transport:
        transport.prepare()
        yield transport


@contextlib.contextmanager
def linked(target, **properties):
    """The device behind a link that can be slow and be cut."""
    with (
        slow_link.slow_link(target.port, **properties) as link,
        opened(device(target, connect=f"127.0.0.1:{link.port}")) as transport,
    ):
        yield link, transport


def fresh(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def listing(transport, folder):
    done = transport.run(["sh", "-c", 'cd "$1" && ls -A', "sh", folder], 30)
    assert done.returncode == 0, done
    return done.stdout.decode().split()
