"""Places to run: transports, and how a cell gets onto a device and back.

`OPENERS` is the registry: a device file's `kind` → the function that opens such a device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from edgerig.devices.device import OpenDevice
from edgerig.devices.transport import Transport
from edgerig.registry import load_object
from edgerig.spec import DeviceSpec

OPENERS = {
    "local": "edgerig.devices.local:open_local",
    "ssh": "edgerig.devices.ssh:open_ssh",
    "adb": "edgerig.devices.adb:open_adb",
    "qemu-user": "edgerig.devices.qemu.user:open_qemu_user",
    "qemu-system": "edgerig.devices.qemu.system:open_qemu_system",
}
LINKS = {"ssh": "edgerig.devices.ssh:SshTransport", "adb": "edgerig.devices.adb:AdbTransport"}
"""Kinds that can be reached without being made ready."""


def open_device(spec: DeviceSpec) -> AbstractContextManager[OpenDevice]:
    """Reaches the device and makes it ready to run jobs; leaving closes it. Raises DeviceError on entering."""
    opened: AbstractContextManager[OpenDevice] = load_object(OPENERS[spec.kind])(spec)
    return opened


@contextlib.contextmanager
def reach(spec: DeviceSpec) -> Iterator[Transport]:
    """The device's transport, with nothing pushed where that can be avoided. Raises DeviceError on entering."""
    if spec.kind in LINKS:
        with load_object(LINKS[spec.kind])(spec) as transport:
            yield transport
    else:
        with open_device(spec) as opened:
            yield opened.transport
