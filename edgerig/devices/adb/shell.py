"""Running one command through adb's shell protocol, version 2: two streams and an exit code in one socket.

A packet is an id byte, a little-endian 32-bit length, and the payload (adb's shell_protocol.h). Standard input is
never written to: closing it, or losing the link, ends the command on the device (`command.py`).
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import adbutils

from edgerig import process
from edgerig.devices.adb.command import TRAILER_LIMIT_BYTES, Trailer, command_line, death_of_shell, find_trailer
from edgerig.errors import DeviceError, Unreachable
from edgerig.process import Finished

STDOUT, STDERR, EXIT, CLOSE_STDIN = 1, 2, 3, 4
HEADER = struct.Struct("<BI")
READ_BYTES = 2**18
PACKET_LIMIT_BYTES = 2**24
"""More than any adbd sends at once (1 MiB): a longer packet is not one."""
OPEN_TIMEOUT_S = 20.0
KILL_GRACE_S = 10.0
AFTER_TRAILER_S = 5.0
SHELL_SERVICE = b"shell,v2,raw:"
_CLOSE = HEADER.pack(CLOSE_STDIN, 0)


def run_command(
    open_stream: Callable[[bytes, float], adbutils.AdbConnection], serial: str, argv: Sequence[str], timeout_s: float
) -> Finished:
    """Runs `argv` on the device to its end or to the deadline, when it is killed there.

    `open_stream` opens a service of the device. Raises Unreachable when the link is lost, DeviceError when there is no
    such program, Stopped when the sweep was interrupted meanwhile.
    """
    token = secrets.token_hex(16)
    line = command_line(argv, token=token, timeout_s=timeout_s)
    begin = time.monotonic()
    connection = open_stream(SHELL_SERVICE + line, OPEN_TIMEOUT_S)
    conversation = _Conversation(connection.conn, serial, token)
    try:
        # While a sweep is being interrupted a device may still be tidied up: only what was under way is ended.
        with process.ended_by_stop(conversation.end, refuse=False):
            return conversation.follow(argv[0], begin, timeout_s)
    finally:
        # Also on the way out with an error: closing ends the command on the device.
        with contextlib.suppress(OSError):
            connection.conn.close()


def cut_stream(sock: socket.socket) -> None:
    """Ends what reads and writes it, on whatever thread; closing alone would wake nobody."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Conversation:
    """One command's packets, until its exit code."""

    def __init__(self, sock: socket.socket, serial: str, token: str) -> None:
        self._sock = sock
        self._serial = serial
        self._token = token
        self._stdout = Captured()
        self._stderr = Captured()
        self._pending = bytearray()
        self._code: int | None = None

    def follow(self, program: str, begin: float, timeout_s: float) -> Finished:
        timed_out = not self._read_until(begin + timeout_s)
        if timed_out:
            self._kill(program, timeout_s)
        seconds = time.monotonic() - begin
        trailer = find_trailer(bytes(self._stderr.tail), self._token)
        if trailer is None and self._code is None:
            raise Unreachable(
                f"adb device {self._serial}: the link was lost while {program} ran", hint="look at `adb devices`"
            )
        if trailer is not None and trailer.returncode is None:
            raise DeviceError(f"{program} cannot be started on {self._serial}: there is no such program")
        stderr = self._stderr.kept if trailer is None else self._stderr.before(trailer)
        returncode = self._returncode(trailer, timed_out)
        return Finished(returncode, bytes(self._stdout.kept), bytes(stderr), seconds, timed_out)

    def end(self) -> None:
        """Has the device end the command, whose end `follow` is then told; from any thread.

        Where no news of it come, the stream is cut: what tidies up next must not meet the command still at work.
        """
        with contextlib.suppress(OSError):
            self._sock.sendall(_CLOSE)
        cut = threading.Timer(KILL_GRACE_S, cut_stream, [self._sock])
        cut.daemon = True
        cut.start()

    def _returncode(self, trailer: Trailer | None, timed_out: bool) -> int:
        if trailer is not None and trailer.returncode is not None and not timed_out:
            return trailer.returncode
        return death_of_shell(self._code if self._code is not None else 137)

    def _kill(self, program: str, timeout_s: float) -> None:
        """Closes standard input, which ends the command's process group, and waits for the news of it."""
        try:
            self._sock.settimeout(KILL_GRACE_S)
            self._sock.sendall(_CLOSE)
        except OSError as error:
            raise self._unconfirmed(program, timeout_s) from error
        if not self._read_until(time.monotonic() + KILL_GRACE_S) or self._code is None:
            raise self._unconfirmed(program, timeout_s)

    def _unconfirmed(self, program: str, timeout_s: float) -> Unreachable:
        return Unreachable(
            f"adb device {self._serial}: {program} passed its deadline of {timeout_s:g} s and the device did not "
            "confirm its end",
            hint="look at `adb devices`; the device ends the command by itself within a few seconds",
        )

    def _read_until(self, deadline: float) -> bool:
        """Reads packets to the command's end (True, also when the link is lost) or to the deadline (False).

        A trailer is the end even if adbd goes on: a descendant in a session of its own may hold a stream open.
        """
        while self._code is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return find_trailer(bytes(self._stderr.tail), self._token) is not None
            self._sock.settimeout(remaining)
            try:
                chunk = self._sock.recv(READ_BYTES)
            except TimeoutError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                return True
            for kind, payload in self._packets(chunk):
                self._take(kind, payload)
                if kind == STDERR and self._token.encode() in self._stderr.tail:
                    deadline = min(deadline, time.monotonic() + AFTER_TRAILER_S)
        return True

    def _packets(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The whole packets that are there now that `chunk` came."""
        pending = self._pending
        pending += chunk
        at = 0
        while len(pending) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(pending, at)
            if length > PACKET_LIMIT_BYTES:
                raise DeviceError(
                    f"adb device {self._serial} sent a packet of {length} bytes: not adb's shell protocol"
                )
            if len(pending) - at - HEADER.size < length:
                break
            at += HEADER.size
            yield kind, bytes(memoryview(pending)[at : at + length])
            at += length
        del pending[:at]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == STDOUT:
            self._stdout.add(payload)
        elif kind == STDERR:
            self._stderr.add(payload)
        elif kind == EXIT and payload:
            self._code = payload[0]


class Captured:
    """A stream's first `process.OUTPUT_LIMIT_BYTES` bytes, and its last few, where the trailer is."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.tail = bytearray()
        self._total = 0

    def add(self, piece: bytes) -> None:
        self._total += len(piece)
        self.kept += piece[: max(0, process.OUTPUT_LIMIT_BYTES - len(self.kept))]
        self.tail += piece[-TRAILER_LIMIT_BYTES:]
        del self.tail[: max(0, len(self.tail) - TRAILER_LIMIT_BYTES)]

    def before(self, trailer: Trailer) -> bytearray:
        """What was kept of all that came before the trailer."""
        return self.kept[: self._total - len(self.tail) + trailer.position]
