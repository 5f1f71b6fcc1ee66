"""Places to run: transports, and how a cell gets onto a device and back.

`TRANSPORTS` is the registry: a device TOML's `kind` → its transport.
"""

from __future__ import annotations

from edgerig.devices.transport import Transport
from edgerig.registry import load_object
from edgerig.spec import DeviceSpec

TRANSPORTS = {"local": "edgerig.devices.local:LocalTransport"}


def connect(device: DeviceSpec) -> Transport:
    """The device's transport, not yet entered. Raises DeviceError on entering when it cannot be reached."""
    transport: Transport = load_object(TRANSPORTS[device.kind])(device)
    return transport
