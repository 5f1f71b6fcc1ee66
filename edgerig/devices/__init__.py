"""Places to run: transports, and how a cell gets onto a device and back. What kinds there are: `kinds/`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from edgerig.devices.device import OpenDevice
from edgerig.devices.transport import RemoteTransport
from edgerig.devices.turns import Claim
from edgerig.registry import load_object
from edgerig.spec import Device, RemoteDevice, kind_of


def open_device(spec: Device, claim: Claim | None = None) -> AbstractContextManager[OpenDevice]:
    """Reaches the device and makes it ready to run jobs; leaving closes it. Raises DeviceError on entering.

    With a `claim` a device that others may use is made ready in a turn of its own, which its `lease` still holds then.
    """
    opened: AbstractContextManager[OpenDevice] = load_object(kind_of(spec).opens)(spec, claim)
    return opened


def transport_to(spec: RemoteDevice) -> RemoteTransport:
    """The way to the device, yet to be entered; nothing is pushed."""
    transport: RemoteTransport = load_object(kind_of(spec).transport)(spec)
    return transport
