"""Ports that lead from one side to the other, through the adb server: `adb forward`, from a port of this host to a
socket of the device, and `adb reverse`, from a port of the device to one of this host.

Both ask for port 0, any free one, which the answer names (adb's SERVICES.TXT; the client in the package tells it to
nobody). A forward stays with the server, a reverse with the link, until it is taken back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import adbutils

from edgerig.devices.adb.server import ASK_TIMEOUT_S, asked, open_service, refusal_of
from edgerig.errors import DeviceError

TAKE_BACK_TIMEOUT_S = 10.0


@contextlib.contextmanager
def forwarded(client: adbutils.AdbClient, serial: str, target: str) -> Iterator[int]:
    """A port of this host's loopback that leads to the device's `target` ("localabstract:NAME", "tcp:PORT"); gone on
    leaving. Raises Unreachable."""
    port = _number(_of_server(client, serial, f"forward:tcp:0;{target}", ASK_TIMEOUT_S), serial)
    try:
        yield port
    finally:
        with contextlib.suppress(DeviceError):  # the server was ended: with it went the port
            _of_server(client, serial, f"killforward:tcp:{port}", TAKE_BACK_TIMEOUT_S, answers=False)


@contextlib.contextmanager
def reversed_to(client: adbutils.AdbClient, serial: str, port: int) -> Iterator[int]:
    """A port of the device's loopback that leads to this host's `port`; gone on leaving. Raises Unreachable."""
    there = _number(_of_device(client, serial, f"reverse:forward:tcp:0;tcp:{port}", ASK_TIMEOUT_S), serial)
    try:
        yield there
    finally:
        with contextlib.suppress(DeviceError):  # the link was cut: with it went the port
            _of_device(client, serial, f"reverse:killforward:tcp:{there}", TAKE_BACK_TIMEOUT_S, answers=False)


def _of_server(client: adbutils.AdbClient, serial: str, request: str, timeout_s: float, *, answers: bool = True) -> str:
    def ask() -> str:
        with client.make_connection(timeout=timeout_s) as connection:
            connection.send_command(f"host-serial:{serial}:{request}")
            connection.check_okay()  # the server has understood
            connection.check_okay()  # it is done
            return str(connection.read_string_block()) if answers else ""

    return asked(f"adb device {serial}", ask, refusal_of(client, serial))


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
