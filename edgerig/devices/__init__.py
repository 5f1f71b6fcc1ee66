"""Places to run: transports, and how a cell gets onto a device and back.

`OPENERS` is the registry: a device file's `kind` → the function that opens such a device.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from edgerig.devices.device import OpenDevice
from edgerig.registry import load_object
from edgerig.spec import DeviceSpec

OPENERS = {"local": "edgerig.devices.local:open_local"}


def open_device(spec: DeviceSpec) -> AbstractContextManager[OpenDevice]:
    """Reaches the device and makes it ready to run jobs; leaving closes it. Raises DeviceError on entering."""
    opened: AbstractContextManager[OpenDevice] = load_object(OPENERS[spec.kind])(spec)
    return opened
