"""A model server that the rig starts for one cell: on loopback alone, on a leash, its files in a folder of its own."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgerig import process
from edgerig.devices.leashed import LOOPBACK, free_ports, let_go, on_a_leash
from edgerig.devices.serving.protocol import Dialect
from edgerig.errors import DeviceError, RunError, RunnerCrashed, RunTimeout, printable
from edgerig.measure.raw_run import RawEngine
from edgerig.measure.untrusted import FromDevice, Nanoseconds
from edgerig.ondevice.served.model import DESCRIBED, Order
from edgerig.toolenv import ToolEnvironment

LOG = "server.log"
LOG_TAIL_BYTES = 2000
LOG_LIMIT_BYTES = 2**20
DESCRIBED_LIMIT_BYTES = 2**20
POLL_S = 0.05


class Loaded(FromDevice):
    """What the server's own process says it has loaded."""

    engine: RawEngine
    runtime_import_ns: Nanoseconds
    load_ns: Nanoseconds


@dataclass(frozen=True)
class Command:
    """What starts a server: `ports` are those it will listen on, the first of them for predictions; `grace_s` is what
    it gets to end by itself before it is ended."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    ports: Sequence[int]
    grace_s: float = 0.0


@dataclass(frozen=True)
class Starter:
    """A kind of server that the rig can start: what it is installed from (`toolenv`), how many ports it takes, what
    `check` raises DeviceError for that this machine lacks, its command, how it is asked once it has loaded, and where
    else than where predictions are its statistics are."""

    name: str
    requirements: Sequence[str]
    ports: int
    check: Callable[[], object]
    command: Callable[[ToolEnvironment, Path, Sequence[int], Order], Command]
    dialect: Callable[[Path, Order], Dialect]
    statistics_url: Callable[[Sequence[int]], str | None]


@dataclass(frozen=True)
class Running:
    """A server of ours: `url` is where predictions are."""

    url: str
    folder: Path
    leashed: subprocess.Popen[bytes]
    name: str

    def check(self, within_s: float = 0.0) -> None:
        """Raises RunnerCrashed once it has ended, or ends within that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.leashed.wait(within_s)
            ended = process.signal_name(128 - code if code > 128 else code)
            raise RunnerCrashed(
                f"{self.name} ended with {ended}: {self.said()}", hint=f"its log is {LOG} in the cell's raw run"
            )

    def said(self) -> str:
        """The end of its log, for a message."""
        return printable(self.tail(LOG_TAIL_BYTES).decode("utf-8", "replace").strip()) or "it said nothing"

    def tail(self, limit_bytes: int) -> bytes:
        """The end of its log, b"" where there is none."""
        with contextlib.suppress(OSError), (self.folder / LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit_bytes))
            return file.read(limit_bytes)
        return b""

    def loaded(self, deadline: float) -> Loaded:
        """Waits for what it has loaded. Raises RunnerCrashed, RunTimeout, and RunError with the engine's own words."""
        path = self.folder / DESCRIBED
        while not path.exists():
            self.check()
            if time.monotonic() > deadline:
                raise RunTimeout(
                    f"{self.name} had not loaded the model in time: {self.said()}",
                    hint='raise "start_timeout_s" in the device file when this machine is slow or busy',
                )
            process.pause(POLL_S)
        try:
            with path.open("rb") as file:
                text = file.read(DESCRIBED_LIMIT_BYTES)
            return Loaded.model_validate_json(text)
        except ValidationError as error:
            raise RunError(f"{self.name} could not load the model: {_reason(text)}") from error


def _reason(text: bytes) -> str:
    try:
        error = json.loads(text)["error"]
        return f"{error['type']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return text[:300].decode("utf-8", "replace")


@contextlib.contextmanager
def running(command: Command, folder: Path, log: Path) -> Iterator[Running]:
    """The server, started; nothing of it is left on leaving, or when a sweep is stopped, but the end of what it said,
    in `log`. Raises DeviceError."""
    with (
        on_a_leash(command.name, command.argv, folder, folder / LOG, command.environment, command.grace_s) as leashed,
        process.ended_by_stop(functools.partial(let_go, leashed), refuse=True),
    ):
        started = Running(f"http://{LOOPBACK}:{command.ports[0]}", folder, leashed, command.name)
        try:
            yield started
        finally:  # on leaving, its folder goes with it
            log.write_bytes(started.tail(LOG_LIMIT_BYTES))


def ports(count: int, first: int | None) -> list[int]:
    """So many free ports, the `first` where one is asked for. Raises DeviceError when it is in use."""
    if first is None:
        return free_ports(count)
    with socket.socket() as wanted:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wanted.bind((LOOPBACK, first))
        except OSError as error:
            raise DeviceError(
                f"port {first} of {LOOPBACK} cannot be had: {error.strerror}",
                hint='another program listens there; leave "port" out of the device file, and a free one is taken',
            ) from error
    return [first, *(port for port in free_ports(count) if port != first)][:count]
