"""Node.js on this machine: the browser's runtimes without a browser."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgerig.spec import BY_JAVASCRIPT, Device, DeviceKind, Program


class NodeDevice(Device):
    kind: Literal["node"]
    node: str = "node"
    """The program, a path or a name."""
    port: int = Field(default=0, ge=0, le=65535)
    """Where on loopback the job is served; 0: any free one."""

    @property
    def address(self) -> str:
        return self.node


KIND = DeviceKind(
    spec=NodeDevice,
    opens="edgerig.devices.web.device:open_node",
    shares="machine",
    runs=BY_JAVASCRIPT,
    programs=(
        Program("node", "nodejs", "running JavaScript"),
        Program("npm", "npm", "fetching the runtimes' packages, once"),
    ),
)
