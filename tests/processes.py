"""What tests see of this machine's processes, and how they wait for them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], seconds: float = 20.0) -> Found:
    """What `condition` gives once it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return found


def once(condition: Callable[[], object], then: Callable[[], object], seconds: float = 20.0) -> threading.Thread:
    """Does `then` in a thread, which it gives, as soon as `condition` is true; not later than after `seconds`."""

    def wait_and_do() -> None:
        wait_for(condition, seconds)
        then()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    return thread


def running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has buried yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def processes(*words: str) -> list[int]:
    """Pids of processes whose command line holds every one of `words`, without this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if all(word in line for word in words):
                    found.append(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """Every descendant of `pid`, less those that end while they are looked at."""
    direct: list[int] = []
    with contextlib.suppress(OSError):  # listing the tasks of a process that has just ended fails as reading them does
        for task in Path(f"/proc/{pid}/task").iterdir():
            direct += [int(child) for child in (task / "children").read_text().split()]
    return direct + [grandchild for child in direct for grandchild in children(child)]
