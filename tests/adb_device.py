"""A real adbd as a device: what the tests of adb share."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import slow_link
from adbd import AdbTarget
from slow_link import SlowLink

from edgerig.devices.adb import AdbTransport
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.devices.transport import Transport

MIB = 2**20
WORKDIR = "/data/local/tmp/edgerig"
FOLDER = "/data/local/tmp"


def use(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


def device(target: AdbTarget, **settings: object) -> AdbDevice:
    return AdbDevice.model_validate({"name": "android", "kind": "adb", "connect": target.address, **settings})


@contextlib.contextmanager
def opened(spec: AdbDevice) -> Iterator[AdbTransport]:
    with AdbTransport(spec) as transport:
        transport.prepare()
        yield transport


@contextlib.contextmanager
def linked(
    target: AdbTarget,
    *,
    round_trip_s: float = 0.0,
    bytes_per_s: float | None = None,
    cut_after_bytes: int | None = None,
) -> Iterator[tuple[SlowLink, AdbTransport]]:
    """The device behind a link that can be slow and be cut."""
    with (
        slow_link.slow_link(
            target.port, round_trip_s=round_trip_s, bytes_per_s=bytes_per_s, cut_after_bytes=cut_after_bytes
        ) as link,
        opened(device(target, connect=f"127.0.0.1:{link.port}")) as transport,
    ):
        yield link, transport


def fresh(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def listing(transport: Transport, folder: str) -> list[str]:
    done = transport.run(["sh", "-c", 'cd "$1" && ls -A', "sh", folder], 30)
    assert done.returncode == 0, done
    return done.stdout.decode().split()
