"""A browser on a phone, over adb: its page is served by this host, at a port of the phone that leads here, and its
developer tools are talked to at a port of this host that leads there.

It is the phone's turn that is taken, as for cells that run on the phone itself, and renewed while a page is at work.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgerig import process
from edgerig.cache import temporary_folder
from edgerig.devices.adb import AdbTransport
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.adb_browser import AdbBrowserDevice
from edgerig.devices.lease import RENEWED_EVERY_S, in_turn
from edgerig.devices.leashed import free_ports
from edgerig.devices.local import LocalTransport
from edgerig.devices.transport import Transport
from edgerig.devices.turns import Claim
from edgerig.devices.web import devtools
from edgerig.devices.web.device import WORKDIR_PREFIX, WebDevice, quiet, runner
from edgerig.devices.web.programs import require_talker
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord

COMMAND_TIMEOUT_S = 30.0
AWAKE_TIMEOUT_S = 10.0
NO_STATE = "nothing of ours runs on the phone beside the page: its state is what the probe before the cell found"
# $1 package. A page behind others, or of a phone that sleeps, gets little of the processor. Without `am` it is no
# Android, and its browser is started by whoever runs it.
_TO_FRONT = """\
command -v am >/dev/null 2>&1 || exit 0
input keyevent KEYCODE_WAKEUP >/dev/null 2>&1
am start -W -a android.intent.action.VIEW -d about:blank -p "$1" 2>&1
"""


class _Beside(LocalTransport):
    """This host, where the runner of a job is started, but for what is told of the device: that is the phone."""

    def __init__(self, phone: Transport) -> None:
        super().__init__()
        self._phone = phone

    def probe(self) -> DeviceRecord:
        return self._phone.probe()


@contextlib.contextmanager
def open_adb_browser(spec: AdbBrowserDevice, claim: Claim | None = None) -> Iterator[WebDevice]:
    """Raises DeviceError where the phone is not reached, or its browser does not answer."""
    require_talker()
    with AdbTransport(spec) as link:
        link.prepare()
        with (
            in_turn(link, spec.workdir, claim) as turn,
            _Beside(turn.transport) as here,
            temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as workdir,
        ):
            posix = PosixDevice(
                transport=here,
                workdir=str(workdir),
                python=(),
                executorch_library=None,
                no_instructions=None,
                no_state=NO_STATE,
                lease=turn.lease,
                run=turn.run,
                brings_runner=False,
            )
            version = _version(spec, link, turn.transport)
            yield WebDevice(
                posix,
                spec.kind,
                "browser",
                (version, ""),
                claim.tell if claim else quiet,
                ready=functools.partial(_ready, spec, link, turn.transport),
            )


def _version(spec: AdbBrowserDevice, link: AdbTransport, phone: Transport) -> str:
    """The browser's own words, once it is awake. Raises DeviceError."""
    said = _bring_to_front(spec, phone)
    with link.forwarded(f"localabstract:{spec.socket}") as port:
        deadline = time.monotonic() + AWAKE_TIMEOUT_S
        while True:
            try:
                return devtools.version(port, AWAKE_TIMEOUT_S)
            except (OSError, ValueError) as error:
                if time.monotonic() > deadline:
                    raise _silent(spec, said) from error
            process.pause(0.5)


@contextlib.contextmanager
def _ready(spec: AdbBrowserDevice, link: AdbTransport, phone: Transport, posix: PosixDevice) -> Iterator[PosixDevice]:
    """For one job: the browser in front, and ports both ways."""
    _bring_to_front(spec, phone)
    port = spec.port or free_ports(1)[0]
    with (
        link.reversed_to(port) as there,
        link.forwarded(f"localabstract:{spec.socket}") as tools,
        _renewing(phone),
    ):
        try:
            yield replace(posix, python=runner(spec.kind, [str(tools), str(there)], port))
        finally:
            with contextlib.suppress(OSError, ValueError):  # the link was lost, which its job has told
                devtools.close_tabs(tools, f"http://{devtools.LOOPBACK}:{there}/")


@contextlib.contextmanager
def _renewing(phone: Transport) -> Iterator[None]:
    """Our turn on the phone renewed, by a command there now and then: the job's own commands are this host's."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED_EVERY_S):
            with contextlib.suppress(DeviceError):  # a link that is lost ends the job itself
                phone.run(["true"], COMMAND_TIMEOUT_S)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _bring_to_front(spec: AdbBrowserDevice, phone: Transport) -> str:
    """What Android says about it. Raises DeviceError where the phone is not reached."""
    done = phone.run(["sh", "-c", _TO_FRONT, "front", spec.package], COMMAND_TIMEOUT_S)
    lines = [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines()]
    return next((line[:200] for line in lines if line.startswith("Error")), "")


def _silent(spec: AdbBrowserDevice, said: str) -> DeviceError:
    words = f": {said}" if said else ""
    return DeviceError(
        f"no browser answers at {spec.socket} of {spec.address}{words}",
        hint=f"is {spec.package} installed, and the screen unlocked? Open it by hand once; another browser is named by "
        '"package" and "socket" in the device file (adb shell cat /proc/net/unix | grep devtools_remote shows sockets)',
    )
