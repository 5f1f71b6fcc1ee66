"""One sweep at a time on this machine, whoever's and with whatever cache.

Two files of a fixed place are locked (flock(2)): the kernel lets go of a lock however its holder ends, so that nobody
ever waits for a process that is gone. Who waits stands at the door: it holds the first file until it has the second,
and the one who just had that comes behind it. Anybody may write to the files, so that each holder can say who it is;
nothing they hold is trusted, no link is followed, and what is no plain file is not opened for long.

A user who is up to no good can hold the lock for ever: the line that says who is waited for names it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edgerig.devices.turns import Claim, Held, await_turn
from edgerig.errors import DeviceError

FOLDER = Path("/tmp")  # noqa: S108  (every user's and every cache's; sticky, so that others' files stay)
DOOR, ROOM = "edgerig-local.door.lock", "edgerig-local.lock"
TEXT_LIMIT_BYTES = 4096
LOOK_AGAIN_S = 0.2
"""Asking the kernel for a lock disturbs nobody."""
NAMED_WITHIN = 10
"""Looks after which a holder that has not said who it is will not say so any more."""


class _Note(BaseModel):
    """What a holder writes into the file it holds."""

    model_config = ConfigDict(extra="ignore")
    run: str = ""
    who: str = ""
    since: float | None = None
    """Seconds since the epoch."""


class LocalLease:
    """The turns on this machine; `claim` says who asks for them."""

    def __init__(self, claim: Claim, folder: Path = FOLDER) -> None:
        self._claim = claim
        self._folder = folder
        self._door: int | None = None
        self._room: int | None = None
        self._unnamed = 0

    def take(self) -> None:
        """Returns when it is our turn. Raises DeviceBusy where nobody is to wait, Stopped, and DeviceError when the
        lock cannot be used."""
        if self._room is None:
            try:
                await_turn(self._claim, self._attempt, LOOK_AGAIN_S)
            finally:
                _close(self._door)
                self._door = None

    def release(self) -> None:
        """Gives the turn back."""
        if self._room is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._room, 0)
        _close(self._room)
        self._room = None

    abandon = close = release

    def renew(self) -> bool:
        """A lock lasts as long as its holder."""
        return self._room is not None

    def _attempt(self) -> Held | None:
        """None when it is our turn now."""
        if self._door is None:
            self._door = _locked(self._folder / DOOR)
        if self._door is not None:
            self._room = _locked(self._folder / ROOM)
        if self._room is None:
            held = _holder(self._folder / ROOM)
            self._unnamed = 0 if held.who else self._unnamed + 1
            return Held(who="somebody who does not say so") if self._unnamed > NAMED_WITHIN else held
        note = _Note(run=self._claim.run, who=self._claim.who, since=time.time())
        with contextlib.suppress(OSError):  # a disk that is full, a file that another may not write: the lock counts
            os.ftruncate(self._room, 0)
            os.pwrite(self._room, note.model_dump_json().encode(), 0)
        return None


def _locked(path: Path) -> int | None:
    """An open file that holds the lock on `path`, which is made when needed; None when another holds it. Raises
    DeviceError."""
    try:
        while True:
            descriptor = _opened(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):
                    return descriptor
            except FileNotFoundError:
                pass
            except BlockingIOError:
                os.close(descriptor)
                return None
            os.close(descriptor)  # it was removed between opening and locking: somebody else may lock a new one
    except OSError as error:
        raise DeviceError(
            f"{path}, by which sweeps of this machine take turns, cannot be used: {error.strerror}",
            hint=f"look at it, and remove it when no sweep runs: ls -l {path}",
        ) from error


def _opened(path: Path) -> int:
    """Without O_CREAT first: where fs.protected_regular is set (proc(5)), it refuses files of others that exist."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # the last for a pipe in its place
    try:
        descriptor = os.open(path, os.O_RDWR | flags)
    except FileNotFoundError:
        return _made(path, flags)
    except PermissionError:
        descriptor = os.open(path, os.O_RDONLY | flags)  # enough to lock it
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no file")
    return descriptor


def _made(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
    except FileExistsError:  # another was faster
        return os.open(path, os.O_RDWR | flags)
    os.fchmod(descriptor, 0o666)  # whatever the umask
    return descriptor


def _holder(path: Path) -> Held:
    """What the holder says of itself, which has nothing to do with whose the file is; nothing in the moment after it
    took the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return Held()
    try:
        note = _Note.model_validate_json(os.pread(descriptor, TEXT_LIMIT_BYTES, 0))
    except (OSError, ValidationError):
        return Held()
    finally:
        os.close(descriptor)
    return Held(note.run, note.who, "", None if note.since is None else max(0.0, time.time() - note.since))


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
