"""Child processes: a deadline, both streams drained and bounded, the whole process group ended.

Every build and every run is a child started here. The child's standard input is a pipe whose other end we hold and
never write to: should this process die, even by SIGKILL, a child that watches it (`ondevice/lifeline.py`) ends too.

What a thread starts belongs to the `Scope` it has entered, and ends with it. A sweep has a scope of its own for each of
its workers; outside of any, nothing is ever stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

OUTPUT_LIMIT_BYTES = 64 * 2**20
AFTER_END_S = 2.0
"""How long an ended child's pipes are read on: one of its descendants, in a session of its own, may hold them open."""

SECRETS = ("EDGERIG_SSH_PASSWORD", "EDGERIG_SERVING_TOKEN")
"""Variables of ours that no child has any use for: models, datasets and metrics run the user's or somebody's code."""


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in SECRETS}


class Stopped(Exception):
    """Raised for a child asked for, or ended, after its scope was stopped: the sweep is being interrupted."""


class Scope:
    """What is started while a thread is inside, so that any thread can end it: children, and work elsewhere that has
    said how it is ended (`ended_by_stop`). A stopped scope stays so; another is not touched by it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.children: set[int] = set()
        self.elsewhere: list[Callable[[], None]] = []
        self.stopped = False

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Around what this thread starts for the scope."""
        before = _scope.set(self)
        try:
            yield
        finally:
            _scope.reset(before)

    def stop(self) -> None:
        """Kills every child of the scope and refuses new ones; for an interrupted sweep on its way out."""
        with self.lock:
            self.stopped = True
            for pid in self.children:
                _kill_group(pid)
            ends = list(self.elsewhere)
        for end in ends:
            end()


_scope: ContextVar[Scope] = ContextVar("scope", default=Scope())  # noqa: B039  (nothing stops the one outside of any)


@dataclass(frozen=True)
class Finished:
    """An ended command, here or on a device. `returncode` is negative for a signal; streams are raw bytes, their first
    `OUTPUT_LIMIT_BYTES`, and nothing a survivor of its process group wrote later than `AFTER_END_S` after it."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: Path | None = None,
) -> Finished:
    """Runs `argv` to its end or to the deadline, when its whole process group is killed.

    `output` sends both streams to that file instead of memory. Raises OSError when the program cannot be started and
    Stopped when the sweep is being interrupted.
    """
    scope = _scope.get()
    lifeline, held = os.pipe()
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, held)
        sink: int | IO[bytes] = stack.enter_context(output.open("ab")) if output else subprocess.PIPE
        try:
            child = _start(scope, argv, lifeline, sink, subprocess.STDOUT if output else subprocess.PIPE, env, cwd)
        finally:
            os.close(lifeline)
        stack.callback(_forget, scope, child.pid)
        streams = [_Drain(stream) for stream in (child.stdout, child.stderr) if stream is not None]
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill_group(child.pid)

        # A timer beside a blocking wait: a wait with a deadline polls, and would wake this host during a measurement.
        timer = threading.Timer(timeout_s, expire)
        timer.daemon = True
        timer.start()
        try:
            child.wait()
        finally:
            timer.cancel()
            # Also after a normal end: a grandchild left behind would hold the pipes open and the device busy.
            _kill_group(child.pid)
            child.wait()
        timed_out = expired.is_set()
        last = time.monotonic() + AFTER_END_S
        captured = [drain.finish(last) for drain in streams] or [b"", b""]
    if scope.stopped:
        raise Stopped(argv[0])
    return Finished(child.returncode, captured[0], captured[1], time.monotonic() - begin, timed_out)


def check_not_stopping() -> None:
    """Raises Stopped once the sweep is being interrupted: for work that is about to begin."""
    if _scope.get().stopped:
        raise Stopped


def pause(seconds: float) -> None:
    """Sleeps. Raises Stopped, at once, when the sweep is being interrupted."""
    woken = threading.Event()
    with ended_by_stop(woken.set, refuse=True):
        woken.wait(seconds)


@contextlib.contextmanager
def ended_by_stop(end: Callable[[], None], *, refuse: bool) -> Iterator[None]:
    """For what runs elsewhere than in a child of ours: stopping the scope calls `end`, and what is inside then raises
    Stopped.

    `refuse` raises Stopped on entering too once the sweep is being interrupted; without it, what only tidies up may
    still run.
    """
    scope = _scope.get()
    with scope.lock:
        late = scope.stopped
        if late and refuse:
            raise Stopped
        scope.elsewhere.append(end)
    try:
        yield
    except Exception as error:
        if scope.stopped and not late:
            raise Stopped from error
        raise
    finally:
        with scope.lock:
            scope.elsewhere.remove(end)
    if scope.stopped and not late:
        raise Stopped


def signal_name(returncode: int) -> str:
    """`SIGKILL` for -9; `exit code 3` for 3."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def _start(
    scope: Scope,
    argv: Sequence[str],
    stdin: int,
    stdout: int | IO[bytes],
    stderr: int,
    env: Mapping[str, str] | None,
    cwd: Path | None,
) -> subprocess.Popen[bytes]:
    with scope.lock:
        if scope.stopped:
            raise Stopped(argv[0])
        child = subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=without_secrets(os.environ if env is None else env),
            cwd=cwd,
            start_new_session=True,
        )
        scope.children.add(child.pid)
        return child


def _forget(scope: Scope, pid: int) -> None:
    with scope.lock:
        scope.children.discard(pid)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


class _Drain:
    """Reads a pipe to its end on a thread of its own, keeping at most `OUTPUT_LIMIT_BYTES`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = bytearray()
        self._given_up = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:  # closed here alone: elsewhere closing would wait for the read that is under way
            while (chunk := self._stream.read1(65536)) and not self._given_up:  # type: ignore[attr-defined]
                self._kept += chunk[: OUTPUT_LIMIT_BYTES - len(self._kept)]

    def finish(self, last: float) -> bytes:
        """What was read to the end of the stream, or until `last` on the monotonic clock: from then on the thread
        waits alone for whoever still holds the pipe."""
        self._thread.join(max(0.0, last - time.monotonic()))
        self._given_up = True
        return bytes(self._kept)
