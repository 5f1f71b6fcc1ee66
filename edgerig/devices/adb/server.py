"""The host's adb server: started when none runs, asked for its devices, and for streams to a device's services.

adbutils speaks the server's protocol (adb's SERVICES.TXT). The port comes from ANDROID_ADB_SERVER_PORT, as for `adb`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import adbutils

from edgerig import process
from edgerig.errors import DeviceError, Unreachable

PORT_VARIABLE = "ANDROID_ADB_SERVER_PORT"
DEFAULT_PORT = 5037
ASK_TIMEOUT_S = 20.0
SETTLE_S = 10.0
"""How long a device may take from `connect` to being usable."""
INSTALL_HINT = "install it: apt-get install adb"
REMEDIES = {
    "offline": "its adbd does not answer: plug it out and in again, or run `adb -s {serial} reconnect`",
    "unauthorized": "unlock its screen and accept the question about USB debugging; if none is shown, run "
    "`adb -s {serial} reconnect` (a wireless device: `adb pair HOST:PORT` first)",
    "authorizing": "unlock its screen and accept the question about USB debugging",
    "connecting": "try again in a few seconds",
    "no permissions": "you may not open its USB device: run `sudo apt-get install android-sdk-platform-tools-common`, "
    "`sudo usermod -aG plugdev $USER`, log in anew, plug it out and in, `adb kill-server`",
    "recovery": "start Android on it: `adb -s {serial} reboot`",
    "rescue": "start Android on it: `adb -s {serial} reboot`",
    "sideload": "start Android on it: `adb -s {serial} reboot`",
    "bootloader": "start Android on it: `fastboot -s {serial} reboot`",
}
T = TypeVar("T")


def adb_client() -> adbutils.AdbClient:
    """A client of a server that runs. Raises DeviceError."""
    given = os.environ.get(PORT_VARIABLE, str(DEFAULT_PORT))
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise DeviceError(f"{PORT_VARIABLE}={given!r} is not a port", hint=f"unset {PORT_VARIABLE}")
    client = adbutils.AdbClient(port=int(given))
    if not _listens(client):
        _start(client)
    return client


def _listens(client: adbutils.AdbClient) -> bool:
    try:
        with socket.create_connection((client.host, client.port), timeout=ASK_TIMEOUT_S):
            return True
    except OSError:
        return False


def _start(client: adbutils.AdbClient) -> None:
    """Starts the server as `adb` does, in the background, for every client of this host."""
    try:
        program = adbutils.adb_path()
    except adbutils.AdbError as error:
        raise DeviceError("the program adb is not installed", hint=INSTALL_HINT) from error
    command = f"{program} -P {client.port} start-server"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:  # its output goes to a file: the server that stays behind must not hold a pipe of ours
            done = process.run(
                [program, "-P", str(client.port), "start-server"],
                timeout_s=ASK_TIMEOUT_S,
                env=dict(os.environ),
                output=log,
            )
        except OSError as error:
            raise DeviceError(f"{program} does not start: {error.strerror}", hint=INSTALL_HINT) from error
        said = log.read_text(encoding="utf-8", errors="replace")[-500:].strip()
    if not _listens(client):
        why = "it took too long" if done.timed_out else process.signal_name(done.returncode)
        raise DeviceError(
            f"the adb server could not be started on port {client.port} ({why}): {said}", hint=f"run `{command}`"
        )


def devices(client: adbutils.AdbClient) -> dict[str, str]:
    """Serial → state of every device the server knows. Raises DeviceError."""

    def ask() -> str:
        with client.make_connection(timeout=ASK_TIMEOUT_S) as connection:
            connection.send_command("host:devices")
            connection.check_okay()
            return str(connection.read_string_block())

    pairs = (line.partition("\t") for line in asked("the adb server", ask).splitlines())
    return {serial.strip(): state.strip() for serial, tab, state in pairs if tab}


def choose(client: adbutils.AdbClient, serial: str | None, connect: str | None) -> str:
    """The serial of a device that can be talked to; `connect` is where to look for one over TCP first.

    Without either it is the only one there is. Raises Unreachable, naming what is known and what to do.
    """
    wanted = serial or connect
    known = devices(client)
    if wanted is None:
        if len(known) != 1:
            raise Unreachable(
                f"{len(known)} devices are known to adb: {listed(known)}",
                hint='say which: add `serial = "…"` to the device file'
                if known
                else "plug one in, switch on USB debugging, and look at `adb devices`",
            )
        [wanted] = known
    if connect is not None and known.get(wanted) != "device":
        return connect_to(client, connect, wanted)
    if known.get(wanted) != "device":
        raise refusal(wanted, known)
    return wanted


def connect_to(client: adbutils.AdbClient, address: str, serial: str) -> str:
    """Has the server connect to the adbd at `address` and waits until `serial` can be talked to. Raises Unreachable."""

    def ask() -> str:
        client.disconnect(address)  # a connection that died stays known as "already connected"
        return str(client.connect(address, timeout=ASK_TIMEOUT_S))

    said = asked(f"adb device {serial}", ask)
    if not said.startswith(("connected to", "already connected to")):
        raise Unreachable(
            f"adb device {serial}: {said}",
            hint=f"is it in this network, and does it listen? Over USB, `adb tcpip {address.rpartition(':')[2]}` "
            f"makes it; then `adb connect {address}`",
        )
    deadline = time.monotonic() + SETTLE_S
    while (known := devices(client)).get(serial) != "device":
        if known.get(serial) not in ("offline", "connecting", "authorizing", None) or time.monotonic() > deadline:
            raise refusal(serial, known)
        time.sleep(0.1)
    return serial


def open_service(client: adbutils.AdbClient, serial: str, service: bytes, timeout_s: float) -> adbutils.AdbConnection:
    """A stream to one of the device's services ("sync:", "shell,v2,raw:…"). Raises Unreachable; close it after use."""

    def ask() -> adbutils.AdbConnection:
        connection = client.make_connection(timeout=timeout_s)
        try:
            # A small packet after another would wait for the server's delayed acknowledgement, 40 ms.
            connection.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # adbutils' own way asks for the server's version each time and sleeps when it closes that.
            for request in (f"host:transport:{serial}".encode(), service):
                connection.conn.sendall(b"%04x" % len(request) + request)
                connection.check_okay()
        except BaseException:
            connection.conn.close()
            raise
        return connection

    return asked(f"adb device {serial}", ask, refusal_of(client, serial))


def features(client: adbutils.AdbClient, serial: str) -> set[str]:
    """What the device's adbd can do. Raises Unreachable."""
    said = asked(f"adb device {serial}", client.device(serial).get_features, refusal_of(client, serial))
    return set(said.split(","))


def refusal(serial: str, known: dict[str, str]) -> Unreachable:
    """Why `serial` cannot be talked to, with the remedy for the state it is in."""
    if serial not in known:
        return Unreachable(
            f'adb knows no device "{serial}"; it knows {listed(known)}',
            hint="is it plugged in, with USB debugging on? Look at `adb devices`",
        )
    state = known[serial]
    if state == "device":
        return Unreachable(f"adb device {serial}: the link was lost", hint="try again")
    remedy = next((text for name, text in REMEDIES.items() if state.startswith(name)), "look at `adb devices -l`")
    return Unreachable(f"adb device {serial} is {state}", hint=remedy.format(serial=serial))


def refusal_of(client: adbutils.AdbClient, serial: str) -> Callable[[], Unreachable]:
    """`refusal`, for when something has gone wrong: the server is asked only then."""
    return lambda: refusal(serial, devices(client))


def listed(known: dict[str, str]) -> str:
    """Serials with their states, for a message."""
    return ", ".join(f"{serial} ({state})" for serial, state in sorted(known.items())) or "none"


def asked(whom: str, ask: Callable[[], T], explain: Callable[[], Unreachable] | None = None) -> T:
    """What `ask` gives; what goes wrong between us, the server and the device becomes Unreachable.

    A subprocess's error is among it: adbutils starts a server that went away meanwhile.
    """
    try:
        return ask()
    except (adbutils.AdbError, OSError, EOFError, ValueError, subprocess.SubprocessError) as error:
        reason = Unreachable(
            f"{whom} does not answer: {str(error).strip() or type(error).__name__}",
            hint="look at `adb devices`; `adb kill-server` makes the server start anew",
        )
        if explain is None:
            raise reason from error
        found = explain()
        found.message = f"{found.message} ({str(error).strip() or type(error).__name__})"
        raise found from error
