"""A browser on a phone, over adb. Its page is served by a runner on this host (`runner.py`, `phone_page.py`); what the
phone itself is asked for stands here.

It is the phone's turn that is taken, as for cells that run on the phone itself, and renewed while a page is at work.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgerig import process
from edgerig.cache import temporary_folder
from edgerig.devices.adb import AdbTransport
from edgerig.devices.device import Fact, PosixDevice
from edgerig.devices.kinds.adb_browser import AdbBrowserDevice
from edgerig.devices.lease import RENEWED_EVERY_S, Turn, holder_of, in_turn
from edgerig.devices.local import LocalTransport
from edgerig.devices.turns import Claim, Lease
from edgerig.devices.web import devtools
from edgerig.devices.web.device import WORKDIR_PREFIX, WebDevice, quiet, runner
from edgerig.devices.web.programs import require_talker
from edgerig.errors import DeviceError

COMMAND_TIMEOUT_S = 30.0
AWAKE_TIMEOUT_S = 10.0
NO_STATE = "nothing of ours runs on the phone beside the page: its state is what the probe before the cell found"
# $1 package. A page behind others, or of a phone that sleeps, gets little of the processor. Started as from the home
# screen: an app that is open comes to the front as it is. Without `am` it is no Android, and its browser is started by
# whoever runs it.
_TO_FRONT = """\
command -v am >/dev/null 2>&1 || exit 0
input keyevent KEYCODE_WAKEUP >/dev/null 2>&1
am start -W -a android.intent.action.MAIN -c android.intent.category.LAUNCHER -p "$1" 2>&1
"""


@contextlib.contextmanager
def open_adb_browser(spec: AdbBrowserDevice, claim: Claim | None = None) -> Iterator[WebDevice]:
    """Without a claim the phone is only asked: what is on its screen stays. Raises DeviceError where it is not reached,
    or its browser does not answer."""
    require_talker()
    with AdbTransport(spec) as link:
        link.prepare()
        held = None if claim else holder_of(link, spec.workdir)
        turn_of: dict[str, Fact] = {"turn": (held.words(), "")} if held else {}
        with (
            in_turn(link, spec.workdir, claim) as turn,
            LocalTransport() as here,
            temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as workdir,
        ):
            phone = _Phone(spec, link, turn, workdir / "reversed")
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
            version = phone.awake() if claim else phone.version(AWAKE_TIMEOUT_S)
            yield WebDevice(
                posix,
                spec.kind,
                "browser",
                (version, ""),
                claim.tell if claim else quiet,
                probes=turn.transport.probe,
                others=turn_of,
                ready=phone.ready,
            )


@dataclass(frozen=True)
class _Phone:
    """One in a turn of ours. `note` is where a runner notes the phone's port that leads to it."""

    spec: AdbBrowserDevice
    link: AdbTransport
    turn: Turn
    note: Path

    def awake(self) -> str:
        """The browser in front, and what it calls itself; one that has just been started is waited for. Raises
        DeviceError."""
        said = self.bring_to_front()
        deadline = time.monotonic() + AWAKE_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(OSError, ValueError):
                return self._meant(devtools.version(self.connect, left))
            process.pause(0.5)
        return self.version(1.0, said)

    def version(self, timeout_s: float, said: str = "") -> str:
        """What the browser calls itself. Raises DeviceError where none answers, or another than the one that is meant;
        `said` is what Android had against it."""
        try:
            found = devtools.version(self.connect, timeout_s)
        except (OSError, ValueError) as error:
            raise self._silent(said or str(error)) from error
        return self._meant(found)

    def _meant(self, found: devtools.Version) -> str:
        if found.package not in ("", self.spec.package):
            raise DeviceError(
                f"{found.package} answers at {self.spec.socket}, not {self.spec.package}",
                hint='correct "package" or "socket" in the device file, or end one of the two on the phone',
            )
        return found.name

    @contextlib.contextmanager
    def ready(self, posix: PosixDevice) -> Iterator[PosixDevice]:
        """For one job: the browser in front, and no page of ours in it, before and after."""
        self.bring_to_front()
        self._close_tabs()  # a sweep that was killed left its page at work
        command = [str(self.link.server_port), self.link.serial, self.spec.socket, str(self.note)]
        try:
            with _renewing(self.turn.lease):
                yield replace(posix, python=runner(self.spec.kind, command, self.spec.port))
        finally:
            self._close_tabs()
            if self.note.exists():  # its runner was killed
                self.link.take_back(int(self.note.read_text(encoding="ascii") or 0))
                self.note.unlink()

    def bring_to_front(self) -> str:
        """What Android says against it. Raises DeviceError where the phone is not reached."""
        argv = ["sh", "-c", _TO_FRONT, "front", self.spec.package]
        done = self.turn.transport.run(argv, COMMAND_TIMEOUT_S)
        lines = [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines()]
        return next((line[:200] for line in lines if line.startswith("Error")), "")

    def connect(self, timeout_s: float) -> devtools.Socket:
        """A stream to the browser's developer tools. Raises OSError."""
        try:
            return self.link.stream(f"localabstract:{self.spec.socket}", timeout_s)
        except DeviceError as error:
            raise OSError(error.message) from error

    def _close_tabs(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the browser has ended, or the link: the job tells
            devtools.close_our_tabs(self.connect)

    def _silent(self, why: str) -> DeviceError:
        return DeviceError(
            f"no browser answers at {self.spec.socket} of {self.spec.address} ({why[:200]})",
            hint=f"is {self.spec.package} installed, and the screen unlocked? Open it by hand once; another browser is "
            'named by "package" and "socket" in the device file (adb shell cat /proc/net/unix | grep devtools_remote '
            "lists sockets)",
        )


@contextlib.contextmanager
def _renewing(lease: Lease) -> Iterator[None]:
    """Our turn on the phone renewed, by a command there now and then: the job's own commands are this host's. Raises
    DeviceError on leaving where the turn was lost meanwhile: another job may have been at work beside."""
    over, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED_EVERY_S):
            with contextlib.suppress(DeviceError):  # a link that is lost ends the job itself
                if not lease.renew():
                    lost.set()
                    return

    # In a copy of this context, so that an interrupted sweep ends its command too.
    thread = threading.Thread(target=functools.partial(contextvars.copy_context().run, renew), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if lost.is_set():
        raise DeviceError(
            "the turn on the phone was lost while a page was at work: another job may have run beside it",
            hint="did this host sleep, or was the link away for two minutes? Measure again",
        )
