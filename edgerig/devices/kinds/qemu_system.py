"""A whole arm64 machine emulated by QEMU: its own kernel, Debian and sshd, started for the device's jobs and gone with
them. QEMU 7.1 and newer have these CPUs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgerig.spec import DeviceKind, EmulatedArm64, Program


class QemuSystemDevice(EmulatedArm64):
    kind: Literal["qemu-system"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76"]
    memory_mib: Annotated[int, Field(ge=256, le=65536)] = 1024
    cores: Annotated[int, Field(ge=1, le=8)] = 1
    boot_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """How long the machine may take until its sshd answers; 2 to 4 s on an idle workstation."""


KIND = DeviceKind(
    spec=QemuSystemDevice,
    opens="edgerig.devices.qemu.system:open_qemu_system",
    asks="edgerig.devices.qemu.vm_image:host_findings",
    programs=(
        Program("qemu-system-aarch64", "qemu-system-arm", "the emulated machine"),
        Program("mke2fs", "e2fsprogs", "its disks"),
    ),
    bundled=True,
)
