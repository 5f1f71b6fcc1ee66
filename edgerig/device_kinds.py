"""Which kinds of devices there are: the name a device file's `kind` says → where that kind's row stands.

Known without importing any of them. A package adds its own with an entry point of the group `edgerig.device_kinds`,
whose name is the kind's; these are looked for only when a name is asked for that is none of the table's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
}
ALIASES = {"android": "adb"}
"""Other words an address may begin with."""


def plugins() -> dict[str, EntryPoint]:
    """The kinds that installed packages add, by name; none replaces one of the table's."""
    from importlib.metadata import entry_points  # not for `--help`

    return {point.name: point for point in entry_points(group=GROUP) if point.name not in KINDS}
