"""Programs the rig works with while they run, each on a leash (`leash.py`): an emulated machine, a model server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgerig.devices import leash
from edgerig.errors import DeviceError

LOOPBACK = "127.0.0.1"
END_TIMEOUT_S = 20.0


@contextlib.contextmanager
def private_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder only we can read, such as for keys. The leash removes it too, should we be killed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def on_a_leash(
    name: str, command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str], grace_s: float = 0.0
) -> Iterator[subprocess.Popen[bytes]]:
    """The leash of a running `command`, called `name` in errors, whose temporary files are in `folder` and whose
    streams go to `log`. It ends with all it has started on leaving, when it is let go, and whenever this process ends,
    by SIGKILL too; on leaving it is first asked to, and given `grace_s`. Raises DeviceError where it cannot start."""
    try:
        with log.open("wb") as said:
            leashed = subprocess.Popen(
                [sys.executable, "-I", leash.__file__, str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
    except OSError as error:
        raise DeviceError(
            f"{name} cannot be started: {error.strerror}", hint="is this machine out of memory?"
        ) from error
    try:
        yield leashed
    finally:
        if grace_s and leashed.poll() is None:
            leashed.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                leashed.wait(grace_s)
        let_go(leashed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            leashed.wait(END_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):  # all gone, as it should be
            os.killpg(leashed.pid, signal.SIGKILL)
        leashed.wait()


def let_go(leashed: subprocess.Popen[bytes]) -> None:
    """Has the leash kill its command. Killing the leash itself would leave the command."""
    if leashed.stdin is not None:
        leashed.stdin.close()


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody listens on; another program may take one before they are used."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
