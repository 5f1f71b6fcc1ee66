"""An arm64 processor emulated for the runner alone (QEMU's user mode), with this machine's kernel below it."""

from __future__ import annotations

from typing import Literal

from edgerig.spec import DeviceKind, EmulatedProcessor, Program


class QemuUserDevice(EmulatedProcessor):
    kind: Literal["qemu-user"]


KIND = DeviceKind(
    spec=QemuUserDevice,
    opens="edgerig.devices.qemu.user:open_qemu_user",
    shares="disk",
    programs=(Program("qemu-aarch64", "qemu-user", "running arm64 programs, with plugins"),),
    compiles="the plugin that counts guest instructions",
    bundled=True,
)
