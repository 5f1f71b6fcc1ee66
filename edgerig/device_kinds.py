"""Which kinds of devices there are: the name a device file's `kind` says → where that kind's row stands.

Known without importing any of them. A package adds its own with an entry point of the group `edgerig.device_kinds`,
whose name is the kind's (`edgerig/plugins.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from edgerig.plugins import Plugin, added

GROUP = "edgerig.device_kinds"


@dataclass(frozen=True)
class Entry:
    """`row` is `"module:NAME"` of the kind's `spec.DeviceKind`. `address` is what an address of such a device looks
    like on the command line, "" for one that has a file only; it begins with the kind's name or one of `ALIASES`."""

    row: str
    address: str = ""


KINDS = {
    "local": Entry("edgerig.devices.kinds.local:KIND"),
    "ssh": Entry("edgerig.devices.kinds.ssh:KIND", "ssh://…"),
    "adb": Entry("edgerig.devices.kinds.adb:KIND", "adb:SERIAL"),
    "qemu-user": Entry("edgerig.devices.kinds.qemu_user:KIND"),
    "qemu-system": Entry("edgerig.devices.kinds.qemu_system:KIND"),
    "browser": Entry("edgerig.devices.kinds.browser:KIND"),
    "adb-browser": Entry("edgerig.devices.kinds.adb_browser:KIND"),
    "node": Entry("edgerig.devices.kinds.node:KIND"),
    "qemu-node": Entry("edgerig.devices.kinds.qemu_node:KIND"),
    "serving": Entry("edgerig.devices.kinds.serving:KIND"),
}
ALIASES = {"android": "adb"}
"""Other words an address may begin with."""


def plugins() -> dict[str, Plugin]:
    """The kinds that installed packages add, by name. Raises ConfigError when one has the name of another."""
    return added(GROUP, {*KINDS, *ALIASES})
