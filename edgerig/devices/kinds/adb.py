"""A phone, board or machine reached over adb, through the host's adb server: a file's keys, and the address
`adb:SERIAL`."""

from __future__ import annotations

import re
from typing import Literal

from edgerig.spec import TCP_ADDRESS, DeviceKind, OverAdb, Program, RemoteDevice, name_of_address, parse


class AdbDevice(OverAdb, RemoteDevice):
    kind: Literal["adb"]
    runtime: Literal["bundle"] = "bundle"
    """Python and the runtimes are brought along: Android has none."""


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
