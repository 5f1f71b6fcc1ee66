"""An arm64 processor emulated for the runner alone (QEMU's user mode), with this machine's kernel below it."""

from __future__ import annotations

from typing import Literal

from edgerig.spec import Device, DeviceKind, Program


class QemuUserDevice(Device):
    kind: Literal["qemu-user"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76", "max"]
    """A processor QEMU knows; `max` has every feature QEMU can emulate."""
    emulated: Literal[True] = True

    @property
    def address(self) -> str:
        return self.cpu

    @property
    def arch(self) -> str:
        return "aarch64"


KIND = DeviceKind(
    spec=QemuUserDevice,
    opens="edgerig.devices.qemu.user:open_qemu_user",
    shares="disk",
    programs=(Program("qemu-aarch64", "qemu-user", "running arm64 programs, with plugins"),),
    compiles="the plugin that counts guest instructions",
    bundled=True,
)
