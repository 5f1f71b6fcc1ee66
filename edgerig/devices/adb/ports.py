"""A port of the device that leads to one of this host: `adb reverse`, through the adb server.

Port 0 is asked for, any free one, which the answer names (adb's SERVICES.TXT; the client in the package tells it to
nobody). Such a rule stays with the link until it is taken back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import adbutils

from edgerig.devices.adb.server import ASK_TIMEOUT_S, asked, open_service, refusal_of
from edgerig.errors import DeviceError

TAKE_BACK_TIMEOUT_S = 10.0


@contextlib.contextmanager
def reversed_to(client: adbutils.AdbClient, serial: str, port: int) -> Iterator[int]:
    """A port of the device's loopback that leads to this host's `port`; gone on leaving. Raises Unreachable."""
    there = _number(_of_device(client, serial, f"reverse:forward:tcp:0;tcp:{port}", ASK_TIMEOUT_S), serial)
    try:
        yield there
    finally:
        take_back(client, serial, there)


def take_back(client: adbutils.AdbClient, serial: str, there: int) -> None:
    """Of the device's port `there` the rule; it may be gone already, as it is when the link was cut."""
    with contextlib.suppress(DeviceError):
        _of_device(client, serial, f"reverse:killforward:tcp:{there}", TAKE_BACK_TIMEOUT_S, answers=False)


def _of_device(client: adbutils.AdbClient, serial: str, request: str, timeout_s: float, *, answers: bool = True) -> str:
    def ask() -> str:
        with open_service(client, serial, request.encode(), timeout_s) as connection:
            connection.check_okay()
            return str(connection.read_string_block()) if answers else ""

    return asked(f"adb device {serial}", ask, refusal_of(client, serial))


def _number(said: str, serial: str) -> int:
    if not (said.isascii() and said.isdecimal() and 0 < int(said[:9]) < 65536):
        raise DeviceError(f"adb device {serial} named no port but {said[:60]!r}", hint="is its Android 5 or newer?")
    return int(said)
