"""Ends this process when the host is gone.

The host holds the other end of our standard input and never writes to it. When the host dies, or the link is cut, the
read returns and the process leaves at once: no orphan keeps a device busy. The thread sleeps in `read` and costs a
measurement nothing.
"""

from __future__ import annotations

import os
import select
import signal
import threading


def hold() -> None:
    """Starts watching standard input; when it closes, the whole process group is killed."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def wait(pipe: int, child: int) -> None:
    """Waits until the forked `child` has written to `pipe` or has ended, and watches standard input meanwhile: for a
    process that may not start a thread yet. When the host goes away first, the child ends with this process."""
    while pipe not in select.select([pipe, 0], [], [])[0]:
        if not _held():
            os.kill(child, signal.SIGKILL)
            _end()


def _watch() -> None:
    while _held():
        pass
    _end()


def _held() -> bool:
    """Reads standard input; False at its end."""
    try:
        return os.read(0, 1024) != b""
    except OSError:
        return False  # a closed or unreadable standard input means the same as its end


def _end() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
