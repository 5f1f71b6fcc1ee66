"""A phone, board or machine reached over adb, through the host's adb server: a file's keys, and the address
`adb:SERIAL`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import StringConstraints

from edgerig.spec import DeviceKind, Program, RemoteDevice, name_of_address, parse

TCP_ADDRESS = r"^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5}$"
"""`host:port`, an IPv6 host in brackets."""


class AdbDevice(RemoteDevice):
    """`serial` is what `adb devices` calls it; None: the one at `connect`, else the only one there is."""

    kind: Literal["adb"]
    serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\[][\x21-\x7e]*$", max_length=255)] | None = None
    connect: Annotated[str, StringConstraints(pattern=TCP_ADDRESS, max_length=255)] | None = None
    """`host:port` the adb server connects to first, for a device in the network."""
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=512)] = (
        "/data/local/tmp/edgerig"
    )
    runtime: Literal["bundle"] = "bundle"
    """Python and the runtimes are brought along: Android has none."""

    @property
    def address(self) -> str:
        return f"adb:{self.serial or self.connect or 'the only one'}"


def addressed(address: str) -> AdbDevice:
    """The device `adb:SERIAL` (or `android:SERIAL`); a serial that is a `host:port` is connected to first. Raises
    ConfigError."""
    serial = address.partition(":")[2]
    table = {"name": name_of_address("adb", serial, [serial]), "kind": "adb", "serial": serial}
    if re.match(TCP_ADDRESS, serial):
        table["connect"] = serial
    return parse(AdbDevice, table, address)


KIND = DeviceKind(
    spec=AdbDevice,
    opens="edgerig.devices.adb:open_adb",
    transport="edgerig.devices.adb:AdbTransport",
    addressed=addressed,
    programs=(Program("adb", "adb", "the adb server"),),
    no_bundle="a 64-bit arm or x86 device is needed",
)
