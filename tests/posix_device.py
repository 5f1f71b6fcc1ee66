"""Devices as a sweep opens them, for tests that look behind what every open device can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgerig.devices import open_device
from edgerig.devices.device import PosixDevice
from edgerig.spec import Device


@contextmanager
def opened(spec: Device) -> Iterator[PosixDevice]:
    """The device with its transport, its folder and its Python. Raises DeviceError on entering."""
    with open_device(spec) as device:
        assert isinstance(device, PosixDevice)
        yield device
