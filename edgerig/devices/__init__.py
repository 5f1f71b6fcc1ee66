"""Places to run: transports, and how a cell gets onto a device and back.

`OPENERS` is the registry: a device file's `kind` → the function that opens such a device.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from edgerig.devices.device import OpenDevice
from edgerig.devices.transport import RemoteTransport
from edgerig.devices.turns import Claim
from edgerig.registry import load_object
from edgerig.spec import AdbDevice, DeviceSpec, SshDevice

OPENERS = {
    "local": "edgerig.devices.local:open_local",
    "ssh": "edgerig.devices.ssh:open_ssh",
    "adb": "edgerig.devices.adb:open_adb",
    "qemu-user": "edgerig.devices.qemu.user:open_qemu_user",
    "qemu-system": "edgerig.devices.qemu.system:open_qemu_system",
}
LINKS = {"ssh": "edgerig.devices.ssh:SshTransport", "adb": "edgerig.devices.adb:AdbTransport"}
"""Devices that stand by themselves, reached without being made ready."""
OWN = ("qemu-user", "qemu-system")
"""Devices a sweep makes for itself: nobody else can be at work on one."""


def open_device(spec: DeviceSpec, claim: Claim | None = None) -> AbstractContextManager[OpenDevice]:
    """Reaches the device and makes it ready to run jobs; leaving closes it. Raises DeviceError on entering.

    With a `claim` a device that others may use is made ready in a turn of its own, which its `lease` still holds then.
    """
    opener = load_object(OPENERS[spec.kind])
    opened: AbstractContextManager[OpenDevice] = opener(spec) if spec.kind in OWN else opener(spec, claim)
    return opened


def transport_to(spec: SshDevice | AdbDevice) -> RemoteTransport:
    """The way to the device, yet to be entered; nothing is pushed."""
    link: RemoteTransport = load_object(LINKS[spec.kind])(spec)
    return link
