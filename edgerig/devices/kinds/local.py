"""This machine, with this Python and the runtimes installed in it."""

from __future__ import annotations

import platform
from typing import Literal

from edgerig.spec import Device, DeviceKind


class LocalDevice(Device):
    kind: Literal["local"]

    @property
    def arch(self) -> str:
        return platform.machine()

    @property
    def has_frameworks(self) -> bool:
        return True


KIND = DeviceKind(
    spec=LocalDevice,
    opens="edgerig.devices.local:open_local",
    shares="machine",
    asks="edgerig.devices.findings:of_runtimes",
    compiles="the torch-free ExecuTorch runner of this machine",
)
