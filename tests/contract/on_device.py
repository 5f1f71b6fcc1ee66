"""What tests ask of a device through its transport: scripts, processes that are there or gone, what a folder holds."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import pytest

from edgerig.devices.transport import Transport
from edgerig.process import Finished

ODD_NAMES = [
    "plain",
    "with space",
    "quote ' and \" and `",
    "-rf",
    "new\nline",
    "dollar $HOME $(id) ; & | < > * ? [a] {b} ~ # !",
    "back\\slash\\n",
    "ümläut 漢字",
    " ends in space ",
]
BUNDLES = """\
mkdir -p "$1/bundles" && cd "$1/bundles" || exit 1; shift
sleep=$(command -v sleep); [ -f "$sleep" ] || sleep=$(which sleep)  # mksh has one of its own, the machine no `which`
for b; do mkdir -p "$b/bin" && cp "$sleep" "$b/bin/sleep" && : >"$b/complete" || exit 1; done
mkdir -p notes/x .new-old/root .new-fresh/root
for f in */complete .new-old; do [ "$f" = "$b/complete" ] || touch -t 202001010000 "$f" || exit 1; done
"""
"""`$1` is a workdir, then come keys. Every bundle was used in 2020, but for the last; beside them one that never became
whole, a folder of somebody else's, and two on their way."""
KEYS = [f"{digit}{'0' * 15}" for digit in "1234"]


def shell(transport: Transport, script: str, *args: str, timeout_s: float = 60.0) -> Finished:
    return transport.run(["sh", "-c", script, "sh", *args], timeout_s)


def alive(transport: Transport, pid: int) -> bool:
    """Whether the device has that process; a zombie nobody has buried yet has ended."""
    script = "read -r s 2>/dev/null </proc/$1/stat || exit 1; case ${s##*) } in Z*) exit 1 ;; esac"
    return shell(transport, script, str(pid)).returncode == 0


def ends(transport: Transport, pid: int, within_s: float = 20.0) -> bool:
    last = time.monotonic() + within_s
    while alive(transport, pid):
        if time.monotonic() > last:
            return False
        time.sleep(0.2)
    return True


def listing(transport: Transport, folder: str) -> list[str]:
    done = shell(transport, 'cd "$1" && for f in .* *; do [ -e "$f" ] && printf "%s\\0" "$f"; done', folder)
    return sorted(name for name in os.fsdecode(done.stdout).split("\0") if name not in ("", ".", ".."))


def past_its_deadline(transport: Transport, script: str, *args: str) -> None:
    """Runs what says `begun` and goes on past its deadline; once more with a later one where the machine is too busy to
    begin within two seconds."""
    for timeout_s in (2.0, 8.0, 32.0):
        begin = time.monotonic()
        done = shell(transport, script, *args, timeout_s=timeout_s)
        assert done.timed_out
        assert done.returncode < 0
        assert timeout_s - 0.5 < time.monotonic() - begin < timeout_s + 28
        if done.stdout == b"begun\n":
            return
        assert done.stdout == b""
    pytest.fail("it never began")


@contextlib.contextmanager
def at_work(transport: Transport, job: str) -> Iterator[list[Finished]]:
    """A process in the job's folder and a child of its own, until they are ended; gives what became of the command."""
    ended: list[Finished] = []
    script = 'sleep 300 & echo $! $$ >"$1.tmp"; mv "$1.tmp" "$1"; wait'
    thread = threading.Thread(target=lambda: ended.append(shell(transport, script, f"{job}/pids")))
    thread.start()
    last = time.monotonic() + 60
    while transport.run(["cat", f"{job}/pids"], 30).returncode != 0:
        assert time.monotonic() < last, "did not begin"
        time.sleep(0.1)
    yield ended
    for pid in transport.run(["cat", f"{job}/pids"], 30).stdout.split():
        transport.run(["sh", "-c", 'kill -9 "$1"', "sh", pid.decode()], 30)
    thread.join(30)
    assert not thread.is_alive()
