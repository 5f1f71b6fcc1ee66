"""Runs a command that must not outlive the program it was started for: `python -I leash.py FOLDER COMMAND…`.

Standard input is a pipe whose other end that program holds and never writes to. When the program closes it, ends or is
killed, even by SIGKILL, the command is killed and its FOLDER of temporary files removed. A command that ends by itself
leaves its folder: the exit code is then its own (128 + N for signal N). What the command has started ends with it
either way, where this program leads the process group they are in. SIGTERM is passed on to it.

A file of its own, run by path: it stands alone and imports nothing of edgerig. (PR_SET_PDEATHSIG, prctl(2), would do
without it, but follows the thread that started the command, not its process.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading


def main() -> None:
    folder, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_watch, args=(child, folder), name="leash", daemon=True).start()
    code = child.wait()
    if _let_go.is_set():
        _done.wait()
    _end_group()
    sys.exit(code if code >= 0 else 128 - code)


_let_go = threading.Event()
_done = threading.Event()


def _watch(child: subprocess.Popen[bytes], folder: str) -> None:
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass  # an unreadable standard input means the same as its end
    _let_go.set()
    child.kill()
    child.wait()
    _end_group()
    shutil.rmtree(folder, ignore_errors=True)
    _done.set()


def _end_group() -> None:
    """Kills what else is in our process group, where we lead it: what the command has started and left."""
    if os.getpgrp() != os.getpid():
        return
    for pid in _members(os.getpid()):
        with contextlib.suppress(OSError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)


def _members(group: int) -> list[int]:
    """The processes of the group but ourselves, as proc(5) lists them; none where there is no such file system."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        try:
            if name.isdecimal() and int(name) != group and os.getpgid(int(name)) == group:
                found.append(int(name))
        except OSError:
            pass  # it has ended meanwhile
    return found


if __name__ == "__main__":
    main()
