"""A device over SSH: its transport, and how it is made ready."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from edgerig import process
from edgerig.devices.device import PosixDevice, Runtime
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.lease import in_turn
from edgerig.devices.probe import probe
from edgerig.devices.ssh.channel import Command, LinkLost
from edgerig.devices.ssh.config import endpoint_of
from edgerig.devices.ssh.link import Link, connect
from edgerig.devices.ssh.upload import download, upload
from edgerig.devices.transport import Transport
from edgerig.devices.turns import Claim
from edgerig.errors import DeviceError, Unreachable
from edgerig.process import Finished
from edgerig.results import DeviceRecord
from edgerig.spec import load_engines

RECONNECT_AFTER_S = 1.0
COMMAND_TIMEOUT_S = 60.0
PYTHON_TIMEOUT_S = 120.0
OLDEST_PYTHON = (3, 11)
SYSTEM_LIBRARY_REASON = 'runtime "system" uses the device\'s executorch package, not the torch-free library'
Answer = TypeVar("Answer")

_ASK_PYTHON = """\
import importlib.util, json, sys
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]
print(json.dumps([list(sys.version_info[:3]), found]))
"""
_MAKE_WORKDIR = """\
[ ! -L "$1" ] || { echo "it is a link" >&2; exit 1; }
mkdir -p -m 700 "$1" || exit 1
[ -O "$1" ] || { echo "it belongs to another user" >&2; exit 1; }
[ -w "$1" ] || { echo "it is not writable" >&2; exit 1; }
case "$(ls -ld "$1")" in ?????w*|????????w*) echo "others may write to it: chmod go-w $1" >&2; exit 1;; esac
"""


@contextlib.contextmanager
def open_ssh(spec: SshDevice, claim: Claim | None = None) -> Iterator[PosixDevice]:
    """Raises DeviceError (Unreachable, LoginRefused, HostKeyUnknown, HostKeyMismatch) when it cannot be reached."""
    with SshTransport(spec) as link:
        arch = link.prepare()
        if spec.runtime == "system":
            with in_turn(link, spec.workdir, claim) as turn:
                yield turn.of(with_own_python(spec, turn.transport))
        else:
            # Only now: what makes bundles and wheels is not needed for a device that has its own runtimes.
            from edgerig.devices.brought import chosen

            found = chosen(spec, link, arch)
            found.make()  # if it must be, before anybody has to wait for us
            with in_turn(link, spec.workdir, claim) as turn:
                yield turn.of(found.bring(turn.transport, spec.workdir))


class SshTransport:
    """Commands and files over one SSH connection, made again once when it dropped between two commands."""

    def __init__(self, spec: SshDevice) -> None:
        self._spec = spec
        self._store = f"{spec.workdir}/store"
        self._link: Link | None = None

    def __enter__(self) -> Self:
        self._link = connect(endpoint_of(self._spec))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        def attempt(link: Link) -> Finished:
            # While a sweep is being interrupted a device may still be tidied up: only what was under way is ended.
            with Command(link, argv, timeout_s) as command, process.ended_by_stop(command.end, refuse=False):
                return command.finish()

        # What may have begun is not begun again: only the caller knows whether that would be right.
        return self._over_link(attempt, argv[0], again=False)

    def push(self, local: Path, remote: str) -> None:
        self._over_link(lambda link: upload(link, local, remote, self._store), f"push of {local.name}", again=True)

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        self._over_link(lambda link: download(link, remote, local, limit_bytes), f"pull of {remote}", again=True)

    def probe(self) -> DeviceRecord:
        return probe(
            self,
            kind=self._spec.kind,
            emulated=self._spec.emulated,
            workdir=self._spec.workdir,
            python=self._spec.python,
        )

    def prepare(self) -> str:
        made = self.run(["sh", "-c", _MAKE_WORKDIR, "workdir", self._spec.workdir], COMMAND_TIMEOUT_S)
        if made.returncode != 0:
            raise DeviceError(
                f"{self._spec.name}: folder {self._spec.workdir} cannot be used: {_tail(made)}",
                hint='set "workdir" in the device file to a folder of the user',
            )
        asked = self.run(["uname", "-m"], COMMAND_TIMEOUT_S)
        arch = asked.stdout.decode("ascii", "replace").strip()
        if asked.returncode != 0 or not re.fullmatch(r"\w{1,20}", arch):
            raise DeviceError(f"{self._spec.name} does not tell its architecture: {_tail(asked)}")
        return arch

    def _over_link(self, attempt: Callable[[Link], Answer], what: str, *, again: bool) -> Answer:
        """`attempt` over the link. A lost link is made again once, and what never began, or is safe to do `again`, is
        done over it. Raises Unreachable when that fails too."""
        link = self._link
        if link is None:
            raise DeviceError(f"{self._spec.name} is closed", hint="use the transport inside its with block")
        try:
            if not link.alive:
                raise LinkLost("the link was down", started=False)
            return attempt(link)
        except LinkLost as lost:
            if lost.started and not again:
                raise self._unreachable(what, lost) from lost
        link.close()
        time.sleep(RECONNECT_AFTER_S)
        self._link = link = connect(link.endpoint)
        try:
            return attempt(link)
        except LinkLost as lost:
            raise self._unreachable(what, lost) from lost

    def _unreachable(self, what: str, lost: LinkLost) -> Unreachable:
        return Unreachable(
            f"the link to {self._spec.name} was lost during {what}" + (f": {lost}" if str(lost) else ""),
            hint="is the device still on, its network stable, and was it not rebooted?",
        )


def with_own_python(spec: SshDevice, transport: Transport) -> PosixDevice:
    """The device with the Python it has, checked for what a runner needs. Raises DeviceError."""
    engines = load_engines().values()
    runtimes = [engine.imports for engine in engines if engine.imports]
    asked = transport.run([spec.python, "-I", "-c", _ASK_PYTHON, "numpy", *runtimes], PYTHON_TIMEOUT_S)
    try:
        version, found = json.loads(asked.stdout[:4096])
        version = tuple(int(part) for part in version)
        found = {str(name) for name in found}
    except (ValueError, TypeError) as error:
        raise DeviceError(
            f"{spec.name}: {spec.python} does not work: {_tail(asked)}",
            hint='set "python" in the device file to a Python 3.11 or newer, or runtime = "bundle"',
        ) from error
    if version < OLDEST_PYTHON:
        raise DeviceError(
            f"{spec.name}: {spec.python} is Python {'.'.join(map(str, version))}, the runner needs 3.11",
            hint='set "python" to a newer one, or runtime = "bundle" which brings its own',
        )
    if "numpy" not in found or not found.intersection(runtimes):
        missing = "numpy" if "numpy" not in found else "every runtime"
        present = ", ".join(sorted(found)) or "none of what is needed"
        wanted = " ".join(["numpy", *(name for engine in engines for name in engine.pip)])
        raise DeviceError(
            f"{spec.name}: {spec.python} lacks {missing}; it has {present}",
            hint=f'on the device: {spec.python} -m pip install {wanted}; or runtime = "bundle"',
        )
    return PosixDevice(
        transport=transport,
        workdir=spec.workdir,
        python=(spec.python, "-I"),
        executorch_library=None,
        library_reason=SYSTEM_LIBRARY_REASON,
        runtime=Runtime("system"),
        modules=frozenset(found),
    )


def _tail(done: Finished) -> str:
    said = (done.stderr or done.stdout)[-300:].decode("utf-8", "replace").strip()
    return said or ("it passed its deadline" if done.timed_out else f"exit code {done.returncode}, and it said nothing")
