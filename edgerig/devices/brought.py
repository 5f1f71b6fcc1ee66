"""What is brought to a device to run its jobs: the runtimes' wheels where it has a Python they are made for, else a
bundle. Only the device's own Python and what its file says decide, so that every host decides alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgerig.devices.bundle import Bundle, bundle, cached, wheel_set
from edgerig.devices.bundle.provision import provision, provision_wheels
from edgerig.devices.bundle.wheel_set import WheelSet
from edgerig.devices.device import PosixDevice
from edgerig.devices.own_python import DevicePython, NoWheels, python_for_wheels
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError
from edgerig.spec import RemoteDevice


@dataclass(frozen=True)
class Brought:
    """`python` is the device's own, which gets wheels; None: it gets the bundle for `arch`, and where wheels were
    possible `no_wheels` says why they are not brought."""

    arch: str
    python: DevicePython | None = None
    no_wheels: str = ""

    def cached(self) -> Bundle | WheelSet | None:
        """It, if this host has it."""
        return wheel_set.cached(self.python) if self.python else cached(self.arch)

    def make(self, source: Path | None = None) -> None:
        """Makes it, if this host does not have it; of the wheels in the folder `source`. Raises DeviceError."""
        if self.python:
            wheel_set.wheel_set(self.python, source)
        elif source is None:
            bundle(self.arch)
        else:
            raise DeviceError(
                f"no wheels are brought to this device: {self.no_wheels or 'a bundle is'}",
                hint='"edgerig devices bundle --from FILE" takes a bundle',
            )

    def bring(self, transport: Transport, workdir: str) -> PosixDevice:
        """The device behind `transport`, with it in its folder `workdir`. Raises DeviceError."""
        if self.python:
            return provision_wheels(transport, workdir, wheel_set.wheel_set(self.python))
        return provision(transport, workdir, self.arch, self.no_wheels)


def chosen(spec: RemoteDevice, transport: Transport, arch: str) -> Brought:
    """What is brought to the device behind `transport`, whose kernel calls its architecture `arch`. Raises DeviceError
    when it cannot be reached, and where its file wants wheels that it cannot have."""
    if spec.wheels == "never":
        return Brought(arch)
    try:
        return Brought(arch, python_for_wheels(transport, spec.wheel_python))
    except NoWheels as no:
        if spec.wheels == "always":
            raise DeviceError(
                f"{spec.name}: {no.message}",
                hint='name another Python there with "python", or runtime = "bundle", which brings its own',
            ) from no
        return Brought(arch, no_wheels=no.message)
