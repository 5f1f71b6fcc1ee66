"""Devices kept open between cells: a link, a booted emulator or a pushed bundle is paid for once per sweep.

Lives in the Dask worker that owns the device, as its plugin, and closes with it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from edgerig import process
from edgerig.devices import open_device
from edgerig.devices.device import OpenDevice
from edgerig.devices.turns import Claim, claim, new_token
from edgerig.errors import DeviceBusy, DeviceError, Unreachable
from edgerig.spec import Device

PLUGIN = "edgerig-devices"
TOLD = "edgerig-told"
"""The topic of Dask's on which a worker says what takes long: a dict of `stage`, `subject` and `words`."""
BACKOFF_S = 3.0
"""Between the first two tries to reach a device; the pauses after that are half as long again each."""
BOOT_S = 120.0
"""How long a device that was reached before in this sweep is waited for: it may have rebooted, which takes a Raspberry
Pi or a phone up to a minute."""
TIDY_S = 20.0
"""How long an interrupted cell may take to tidy up its device before the link to it is closed all the same."""


def tell(stage: str, subject: str, words: str) -> None:
    """Says it to whoever shows the sweep. Of a task alone, which a worker runs."""
    get_worker().log_event(TOLD, {"stage": stage, "subject": subject, "words": words})


@dataclass
class _Session:
    stack: contextlib.ExitStack
    device: OpenDevice


class DeviceSessions(WorkerPlugin):  # type: ignore[misc]
    """Opens a device at its first cell of the `run` and keeps it until an error or the end; `wait` says whether one
    that another sweep is at work on is waited for."""

    name = PLUGIN

    def __init__(self, run: str = "", *, wait: bool = True) -> None:
        self._run = run
        self._wait = wait
        self._token = new_token()
        """One for all workers of this sweep, and another for the same run once it is resumed."""
        self._worker: Worker | None = None
        self._claims: dict[str, Claim] = {}
        self._open: dict[str, _Session] = {}
        self._gone: dict[str, DeviceError] = {}
        self._left: dict[str, list[str]] = {}
        """Of each device that was ever reached: `OpenDevice.left`, which outlives its sessions."""

    def setup(self, worker: Worker) -> None:
        # Not in __init__: a plugin is pickled on its way to the worker, a lock cannot be.
        self._at_work = threading.Lock()
        self.scope = process.Scope()
        """Of all that this worker does for its sweep: stopped, it ends, and no other sweep of this process does."""
        self._worker = worker

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Around a cell: what it tidies up on its device, interrupted too, is done before the device is closed. Raises
        Stopped when the sweep is being interrupted before it began."""
        with self._at_work, self.scope.entered():
            process.check_not_stopping()
            yield

    @contextlib.contextmanager
    def turn(self, spec: Device) -> Iterator[OpenDevice]:
        """The open device, in a turn of its own: no other sweep has a job at work there meanwhile. Raises what `device`
        raises, and DeviceBusy where nobody is to wait."""
        opened = self.device(spec)
        try:
            opened.lease.take()
            yield opened
        except Unreachable:
            opened.lease.abandon()  # it expires by itself, and nobody tries to reach the device for it
            raise
        finally:
            opened.lease.release()

    def device(self, spec: Device) -> OpenDevice:
        """The open device, waited for while it may be rebooting. Raises DeviceError; a device that could not be reached
        is not tried again in this sweep, so that a dead one costs its cells and not an hour of connection deadlines.
        Raises Stopped when the sweep is interrupted meanwhile."""
        if spec.name in self._gone:
            first = self._gone[spec.name]
            raise type(first)(f"{spec.name} was given up: {first.message}", hint=first.hint)
        if spec.name not in self._open:
            self._open[spec.name] = self._reach(spec)
        return self._open[spec.name].device

    def drop(self, spec: Device) -> None:
        """Closes the device: the next cell starts on a fresh one. For after an error, whose traces are unknown."""
        session = self._open.pop(spec.name, None)
        if session is not None:
            with contextlib.suppress(Exception):  # whatever closing raises, the error that led here is the one to tell
                session.stack.close()

    def close(self) -> None:
        """Closes every device; a cell after that starts on a fresh one."""
        for session in self._open.values():
            with contextlib.suppress(Exception):  # their cells have ended; what was measured is home
                session.stack.close()
        self._open.clear()

    def teardown(self, worker: Worker) -> None:
        idle = self._at_work.acquire(timeout=TIDY_S)
        self.close()
        if idle:
            self._at_work.release()

    def _reach(self, spec: Device) -> _Session:
        """A session; tried for again while the device is not there, for long only where it was there before. To wait
        for another sweep's turn takes nothing of that time."""
        asking = self._claim(spec)
        begun_s = asking.waited_s
        try:
            for pause_s in _pauses(BOOT_S if spec.name in self._left else BACKOFF_S, lambda: asking.waited_s - begun_s):
                with contextlib.suppress(Unreachable):  # of other errors waiting cures none
                    return self._entered(spec)
                process.pause(pause_s)
            return self._entered(spec)
        except DeviceBusy:
            raise
        except DeviceError as error:
            self._gone[spec.name] = error
            raise

    def _entered(self, spec: Device) -> _Session:
        stack = contextlib.ExitStack()
        device = stack.enter_context(open_device(spec, self._claim(spec)))
        device.left.extend(self._left.get(spec.name, []))
        self._left[spec.name] = device.left
        return _Session(stack, device)

    def _claim(self, spec: Device) -> Claim:
        if spec.name not in self._claims:

            def tell(words: str) -> None:
                if self._worker is not None:
                    self._worker.log_event(TOLD, {"stage": "device", "subject": spec.name, "words": words})

            self._claims[spec.name] = claim(spec.name, self._run, self._token, wait=self._wait, tell=tell)
        return self._claims[spec.name]


def _pauses(total_s: float, excused_s: Callable[[], float]) -> Iterator[float]:
    """Ever longer pauses, until `total_s` have passed since the first was asked for, less what is excused."""
    deadline, pause_s = time.monotonic() + total_s, BACKOFF_S
    while (left_s := deadline + excused_s() - time.monotonic()) > 0:
        yield min(pause_s, left_s)
        pause_s *= 1.5
