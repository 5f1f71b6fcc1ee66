"""Whose turn it is on a device: who asks, who holds it, and how one waits. How a turn is kept is `lease.py`'s for
devices of their own and `local_lease.py`'s for this machine.

A turn is a cell's: from before its device is probed until its arrays are home. Two sweeps on one device take turns, so
that neither waits for the whole of the other, and never are two jobs at work there.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from edgerig import process
from edgerig.errors import DeviceBusy, printable

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 10.0
"""Between two looks at a device whose turn it is not: each is a process there, beside what is timed."""
TEXT_LIMIT = 200


@dataclass(frozen=True)
class Held:
    """Who works on a device now: all of it as that said itself, "" and None where it did not. `since_s` ago it began,
    in `left_s` it is over unless it is renewed."""

    run: str = ""
    who: str = ""
    device: str = ""
    since_s: float | None = None
    left_s: float | None = None

    def words(self) -> str:
        """For a message; times are this host's."""
        now = time.time()
        parts = [f"in use by {_shown(self.who) or 'somebody'}"]
        if self.run:
            parts.append(f"run {_shown(self.run)}")
        if self.since_s is not None:
            parts.append(f"since {_clock(now - self.since_s)}")
        if self.left_s is not None:
            parts.append(f"until {_clock(now + self.left_s)} unless it goes on")
        return ", ".join(parts)


class Lease(Protocol):
    """The turns on one device."""

    def take(self) -> None:
        """Returns when it is our turn. Raises DeviceBusy where nobody is to wait, DeviceError, Stopped."""

    def release(self) -> None:
        """Gives the turn back."""

    def renew(self) -> bool:
        """For a job that is not at work over the lease's own transport: makes our turn last longer. False where it was
        lost: another may be at work there. Raises DeviceError."""

    def abandon(self) -> None:
        """Forgets the turn of a device that cannot be reached."""


class NoLease:
    """Of a device that belongs to this sweep alone: an emulator it started."""

    def take(self) -> None:
        return None

    def release(self) -> None:
        return None

    def renew(self) -> bool:
        return True

    def abandon(self) -> None:
        return None


@dataclass
class Claim:
    """Who asks for turns on `device`. `process` tells this sweep from the same run before it was resumed; `tell` gets
    the line that says who is waited for, once a holder. `wait` False: DeviceBusy instead of waiting."""

    device: str
    run: str
    process: str
    who: str
    wait: bool = True
    tell: Callable[[str], None] = lambda _: None
    waited_s: float = 0.0
    """In all, so that deadlines can leave it out."""
    announced: set[tuple[str, str, str]] = field(default_factory=set)


def claim(device: str, run: str, token: str, *, wait: bool = True, tell: Callable[[str], None] | None = None) -> Claim:
    """This process' claim on `device`; `run` "" for a command that is no sweep."""
    made = Claim(device, safe_run(run), token, f"{_user()}@{platform.node()}"[:TEXT_LIMIT], wait)
    if tell is not None:
        made.tell = tell
    return made


def new_token() -> str:
    return secrets.token_hex(8)


def safe_run(run: str) -> str:
    """`run` as a part of a file's name: a run's file may come from anybody."""
    return re.sub(r"[^A-Za-z0-9-]", "-", run)[:64]


def await_turn(asking: Claim, attempt: Callable[[], Held | None], every_s: float | None = None) -> None:
    """Calls `attempt` until it gives None: it is our turn; pauses are `every_s`, or grow. Raises DeviceBusy, and
    Stopped when interrupted meanwhile."""
    begin, pause_s = time.monotonic(), every_s or FIRST_PAUSE_S
    while (held := attempt()) is not None:
        if held != Held():  # that is a turn which was ours, left to another
            _say(asking, held)
        process.pause(pause_s)
        pause_s = every_s or min(pause_s * 1.5, LONGEST_PAUSE_S)
    asking.waited_s += time.monotonic() - begin


def _say(asking: Claim, held: Held) -> None:
    if not asking.wait:
        raise DeviceBusy(
            f"{asking.device} is {held.words()}", hint="try again when it has ended; without --no-wait a sweep waits"
        )
    holder = (held.run, held.who, held.device)
    if holder not in asking.announced:
        asking.announced.add(holder)
        asking.tell(f"{held.words()}; waiting for our turn")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _shown(text: str) -> str:
    return printable(text)[:TEXT_LIMIT]


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
