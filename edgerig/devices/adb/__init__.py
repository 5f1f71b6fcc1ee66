"""A device reached through the host's adb server: an Android phone or board, or any Linux with an adbd.

A push is found in the device's store by its content, or goes there through the sync service under a temporary name;
its SHA-256 is verified on the device, and a rename makes it visible. What was sent once is not sent again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import posixpath
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import adbutils

from edgerig import process
from edgerig.devices.adb import ports
from edgerig.devices.adb import server as adb_server
from edgerig.devices.adb import sync as adb_sync
from edgerig.devices.adb.android import android_record
from edgerig.devices.adb.shell import cut_stream, run_command
from edgerig.devices.device import OpenDevice
from edgerig.devices.kept_whole import kept_whole
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.devices.lease import in_turn
from edgerig.devices.turns import Claim
from edgerig.errors import DeployMismatch, DeviceError, Unreachable
from edgerig.process import Finished
from edgerig.results import DeviceRecord
from edgerig.spec import OverAdb

STORED_FROM_BYTES = 64 * 1024
"""Smaller files are not kept in the store: asking for one costs as much as sending it."""
COMMAND_TIMEOUT_S = 60.0
SLOWEST_BYTES_PER_S = 4 * 2**20
"""What a device hashes and copies at least: an old SD card."""

# The store is the folder `store` of the workdir; `kept` is a content's place there. Bytes arrive there too: beside the
# target, adbd would make a missing folder. Android denies hard links, hence `cp`. Each script answers one word.
# $1 kept, $2 SHA-256, $3 target, $4 temporary name beside the target
_FROM_STORE = """\
[ -d "${3%/*}/" ] || { echo nofolder; exit; }
[ -d "$3" ] && { echo isfolder; exit; }
[ -f "$1" ] || { echo absent; exit; }
h=$(sha256sum <"$1") || { echo nohash; exit; }
[ "${h%% *}" = "$2" ] || { rm -f "$1"; echo absent; exit; }
# A rename onto another link of the same file does nothing, hence the last `rm`.
{ ln "$1" "$4" 2>/dev/null || cp "$1" "$4"; } && mv -f "$4" "$3" && touch "$1" && echo done || echo failed
rm -f "$4"
"""
# $1 part, $2 SHA-256, $3 target, $4 temporary name beside the target, $5 kept or nothing
_SETTLE = """\
settle() {
  [ -d "${3%/*}/" ] || { echo nofolder; return; }
  [ -d "$3" ] && { echo isfolder; return; }
  h=$(sha256sum <"$1") || { echo nohash; return; }
  [ "${h%% *}" = "$2" ] || { echo "mismatch ${h%% *}"; return; }
  f=$1; if [ -n "$5" ]; then mv -f "$1" "$5" || { echo failed; return; }; f=$5; fi
  { ln "$f" "$4" 2>/dev/null || cp "$f" "$4"; } && mv -f "$4" "$3" && echo done || echo failed
}
settle "$@"
rm -f "$1" "$4"
"""
# $1 workdir
_PREPARE = """\
[ ! -L "$1" ] || { echo "it is a link" >&2; exit 1; }
mkdir -p -m 700 "$1" || exit 1  # adbd's umask is 0
case "$(ls -ld "$1")" in ?????w*|????????w*) echo "others may write to it: chmod go-w $1" >&2; exit 1;; esac
mkdir -p "$1/store" || exit 1
exec uname -m
"""


@contextlib.contextmanager
def open_adb(spec: AdbDevice, claim: Claim | None = None) -> Iterator[OpenDevice]:
    """Reaches the device, makes its workdir, and brings Python and the runtimes along. Raises DeviceError."""
    from edgerig.devices.bundle import bundle
    from edgerig.devices.bundle.provision import provision

    with AdbTransport(spec) as link:
        arch = link.prepare()
        bundle(arch)  # built, if it must be, before anybody has to wait for us
        with in_turn(link, spec.workdir, claim) as turn:
            yield turn.of(provision(turn.transport, spec.workdir, arch))


class AdbTransport:
    """Streams to one device's adbd, one per command or file, all through the host's adb server."""

    def __init__(self, spec: OverAdb) -> None:
        self._spec = spec
        self._client: adbutils.AdbClient | None = None
        self._serial = ""

    def __enter__(self) -> Self:
        client = adb_server.adb_client()
        self._serial = adb_server.choose(client, self._spec.serial, self._spec.connect)
        self._client = client
        if "shell_v2" not in adb_server.features(client, self._serial):
            raise DeviceError(
                f"adb device {self._serial} cannot report exit codes: its adbd lacks shell_v2",
                hint="Android 7 or newer is needed",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None

    @property
    def serial(self) -> str:
        """The serial of the device that was reached."""
        return self._serial

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        return run_command(self._open, self._serial, argv, timeout_s)

    def push(self, local: Path, remote: str) -> None:
        process.check_not_stopping()  # nor is a copy from the store begun
        _twice(lambda: self._push(local, remote))

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        _twice(lambda: self._pull(remote, local, limit_bytes))

    def probe(self) -> DeviceRecord:
        return android_record(self, self._spec)

    def prepare(self) -> str:
        """Makes the workdir, and gives the machine's name (`uname -m`)."""
        done = self.run(["sh", "-c", _PREPARE, "prepare", self._spec.workdir], COMMAND_TIMEOUT_S)
        if done.returncode != 0:
            raise DeviceError(
                f"{self._spec.workdir} could not be made on {self._serial}: {_said(done)}",
                hint='is there space? Its place is "workdir" in the device file; /data/local/tmp is adb\'s own',
            )
        return done.stdout.decode("ascii", "replace").strip()

    @property
    def server_port(self) -> int:
        """Of the adb server, on this host's loopback."""
        return int(self._connected().port)

    def stream(self, service: str, timeout_s: float) -> socket.socket:
        """A stream to a socket of the device ("localabstract:NAME", "tcp:PORT"); close it after use. Raises
        Unreachable, also where nobody listens there."""
        sock: socket.socket = self._open(service.encode(), timeout_s).conn
        return sock

    def take_back(self, there: int) -> None:
        """Of the device's port `there` what made it lead to this host (`ports`)."""
        ports.take_back(self._connected(), self._serial, there)

    def _connected(self) -> adbutils.AdbClient:
        if self._client is None:
            raise DeviceError("the adb transport was not entered")
        return self._client

    def _open(self, service: bytes, timeout_s: float) -> adbutils.AdbConnection:
        """A stream to a service; a device reached over TCP is connected to once more when the link was cut."""
        client = self._connected()
        try:
            return adb_server.open_service(client, self._serial, service, timeout_s)
        except Unreachable:
            if self._spec.connect is None:
                raise
        adb_server.connect_to(client, self._spec.connect, self._serial)
        return adb_server.open_service(client, self._serial, service, timeout_s)

    @contextlib.contextmanager
    def _sync(self) -> Iterator[socket.socket]:
        """A stream to the sync service; raises Stopped when the sweep is being interrupted."""
        sock = self._open(adb_sync.SERVICE, adb_sync.IDLE_TIMEOUT_S).conn
        try:
            with process.ended_by_stop(functools.partial(cut_stream, sock), refuse=True):
                yield sock
        finally:
            sock.close()

    def _pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        with kept_whole(remote, local) as file, self._sync() as sock:
            adb_sync.receive_file(sock, remote, file, limit_bytes)

    def _push(self, local: Path, remote: str) -> None:
        try:
            with local.open("rb") as file:
                status = os.fstat(file.fileno())
                sha = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                push = _Push(remote, sha, status.st_size, self._spec.workdir)
                if push.kept and self._word(_FROM_STORE, [push.kept, sha, remote, push.beside], push) == "done":
                    return
                self._send(file, push.part, status.st_mode & 0o755 | 0o600)
        except OSError as error:
            raise DeviceError(f"{local} cannot be read: {error.strerror}", hint="check the path") from error
        self._word(_SETTLE, [push.part, sha, remote, push.beside, push.kept], push)

    def _send(self, file: IO[bytes], part: str, mode: int) -> None:
        """The bytes to `part`; what came of them is removed when not all did, as adbd does only while it lives."""
        try:
            with self._sync() as sock:
                adb_sync.send_file(sock, file, part, mode)
        except (DeviceError, process.Stopped):
            with contextlib.suppress(DeviceError):  # over a link that is gone nothing can be removed
                self.run(["rm", "-f", part], COMMAND_TIMEOUT_S)
            raise

    def _word(self, script: str, arguments: list[str], push: _Push) -> str:
        done = self.run(["sh", "-c", script, "push", *arguments], push.timeout_s)
        word = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode == 0 and word in ("done", "absent"):
            return word
        raise push.refusal(word, _said(done))


class _Push:
    """The names one file has on its way to `remote`; `kept` is empty for a file too small to be stored."""

    def __init__(self, remote: str, sha: str, size: int, workdir: str) -> None:
        self.remote = remote
        self.sha = sha
        token = secrets.token_hex(8)
        self.beside = posixpath.join(posixpath.dirname(remote), f".edgerig-{token}.part")
        self.kept = f"{workdir}/store/{sha}" if size >= STORED_FROM_BYTES else ""
        self.part = f"{workdir}/store/{sha}.{token}.part"
        self.timeout_s = COMMAND_TIMEOUT_S + size / SLOWEST_BYTES_PER_S

    def refusal(self, word: str, said: str = "") -> DeviceError:
        if word.startswith("mismatch"):
            return DeployMismatch(
                f"{self.remote}: content with sha256 {self.sha} was sent, {word[9:73]} arrived",
                hint="the device's storage or memory may be failing; look at `adb shell dmesg`",
            )
        reasons = {
            "nofolder": "its folder does not exist on the device",
            "isfolder": "it is a folder on the device",
            "nohash": "the device has no working sha256sum",
        }
        return DeviceError(
            f"{self.remote} could not be written: {reasons.get(word, said or word)}",
            hint="is there space, and is the folder writable?",
        )


def _twice(attempt: Callable[[], None]) -> None:
    """Once more, should the link only have been cut."""
    try:
        attempt()
    except Unreachable:
        attempt()


def _said(done: Finished) -> str:
    if done.timed_out:
        return f"it took longer than {done.seconds:.0f} s"
    return done.stderr[-300:].decode("utf-8", "replace").strip() or process.signal_name(done.returncode)
