"""Bytes to and from one path of a device through adb's sync service (adb's SYNC.TXT).

A request is a four-letter id and a little-endian length; DATA carries at most 64 KiB. Paths travel as bytes, so that
any file name does.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import time
from typing import IO

from edgerig.errors import DeviceError, NotKept, Unreachable

SERVICE = b"sync:"
HEADER = struct.Struct("<4sI")
STAT = struct.Struct("<4sIII")
"""Id, mode, size modulo 2**32, time."""
DATA_BYTES = 65536
"""SYNC_DATA_MAX: adbd takes no more in one packet."""
BATCH = 16
"""Packets handed to the kernel at once."""
IDLE_TIMEOUT_S = 60.0
"""A device that neither takes nor gives a byte for so long is gone."""
PATH_LIMIT_BYTES = 1024
MESSAGE_LIMIT_BYTES = 4096


def send_file(sock: socket.socket, file: IO[bytes], remote: str, mode: int) -> None:
    """Writes `file` to `remote` with permission bits `mode`. Raises DeviceError with the device's reason, Unreachable.

    On an error adbd removes what it wrote; when it dies itself, what it wrote stays.
    """
    path = _path(remote, f",{stat.S_IFREG | mode}")
    sock.settimeout(IDLE_TIMEOUT_S)
    try:
        sock.sendall(HEADER.pack(b"SEND", len(path)) + path)
        _stream(sock, file)
        sock.sendall(HEADER.pack(b"DONE", int(time.time())))
        word, length = HEADER.unpack(_exactly(sock, HEADER.size))
        if word != b"OKAY":
            raise _failure(sock, word, length, f"{remote} could not be written on the device")
    except OSError as error:
        raise Unreachable(f"the link was lost while {remote} was sent: {_words(error)}", hint="try again") from error


def receive_file(sock: socket.socket, remote: str, file: IO[bytes], limit_bytes: int) -> None:
    """Reads `remote` into `file`. Raises DeviceError when there is none or it is longer than the limit, Unreachable."""
    path = _path(remote, "")
    sock.settimeout(IDLE_TIMEOUT_S)
    received = 0
    try:
        sock.sendall(HEADER.pack(b"STAT", len(path)) + path)
        _check_size(_exactly(sock, STAT.size), remote, limit_bytes)
        sock.sendall(HEADER.pack(b"RECV", len(path)) + path)
        while True:
            word, length = HEADER.unpack(_exactly(sock, HEADER.size))
            if word == b"DONE":
                return
            if word != b"DATA" or length > DATA_BYTES:
                raise _failure(sock, word, length, f"{remote} could not be fetched")
            received += length
            if received > limit_bytes:
                raise DeviceError(f"{remote} is longer than the {limit_bytes} bytes that were expected")
            _keep(file, _exactly(sock, length), remote)
    except OSError as error:
        raise Unreachable(f"the link was lost while {remote} was fetched: {_words(error)}", hint="try again") from error


def _check_size(answer: bytes, remote: str, limit_bytes: int) -> None:
    word, mode, size, _ = STAT.unpack(answer)
    if word != b"STAT":
        raise DeviceError(f"{remote} could not be fetched: the device answered {word!r}, not adb's sync protocol")
    if not stat.S_ISREG(mode):
        what = "there is no such file" if mode == 0 else "it is not a file"
        raise DeviceError(f"{remote} could not be fetched: {what}")
    if size > limit_bytes:
        raise DeviceError(f"{remote} is {size} bytes, at most {limit_bytes} were expected")


def _path(remote: str, suffix: str) -> bytes:
    path = os.fsencode(remote)
    if len(path) > PATH_LIMIT_BYTES - 16 or b"\0" in path:
        raise DeviceError(f"{remote[:80]}… is not a path adb can take: {len(path)} bytes")
    return path + suffix.encode()


def _stream(sock: socket.socket, file: IO[bytes]) -> None:
    """The file as DATA packets, read straight into place behind their headers; stops when the device has spoken."""
    frame = HEADER.size + DATA_BYTES
    buffer = memoryview(bytearray(frame * BATCH))
    while True:
        filled = 0
        for _ in range(BATCH):
            length = _fill(file, buffer[filled + HEADER.size : filled + frame])
            if length == 0:
                break
            HEADER.pack_into(buffer, filled, b"DATA", length)
            filled += HEADER.size + length
        if filled == 0 or select.select([sock], [], [], 0)[0]:
            return
        sock.sendall(buffer[:filled])


def _fill(file: IO[bytes], space: memoryview) -> int:
    """Reads into `space`. A file that cannot be read is not a lost link."""
    try:
        return file.readinto(space)  # type: ignore[attr-defined, no-any-return]
    except OSError as error:
        raise DeviceError(f"{file.name} cannot be read: {error.strerror}", hint="check the path") from error


def _keep(file: IO[bytes], piece: bytes, remote: str) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise NotKept(f"{remote} could not be kept here: {error.strerror}") from error


def _exactly(sock: socket.socket, count: int) -> bytes:
    received = bytearray(count)
    view = memoryview(received)
    while view:
        got = sock.recv_into(view)
        if got == 0:
            raise ConnectionResetError("the connection was closed")
        view = view[got:]
    return bytes(received)


def _failure(sock: socket.socket, word: bytes, length: int, what: str) -> DeviceError:
    """The device's own words for a FAIL; anything else is not the protocol."""
    if word != b"FAIL":
        return DeviceError(f"{what}: the device answered {word!r}, which is not adb's sync protocol")
    said = _exactly(sock, min(length, MESSAGE_LIMIT_BYTES)).decode("utf-8", "replace").strip()
    return DeviceError(f"{what}: {said}", hint="does the folder exist, is it writable, and is there space?")


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
