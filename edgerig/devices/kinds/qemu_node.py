"""Node.js for arm64 on a processor that QEMU emulates: what V8 makes of WebAssembly there, and its numerics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.spec import BY_JAVASCRIPT, DeviceKind, EmulatedProcessor, Program


class QemuNodeDevice(EmulatedProcessor):
    kind: Literal["qemu-node"]
    port: int = Field(default=0, ge=0, le=65535)
    """Where on loopback the job is served; 0: any free one."""


KIND = DeviceKind(
    spec=QemuNodeDevice,
    opens="edgerig.devices.web.emulated:open_qemu_node",
    shares="disk",
    runs=BY_JAVASCRIPT,
    programs=(
        Program("qemu-aarch64", "qemu-user", "running arm64 programs"),
        Program("npm", "npm", "fetching node and the runtimes' packages, once"),
    ),
    bundled=True,
)
