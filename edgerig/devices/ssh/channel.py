"""One command over a link: started, both streams drained on threads of their own, ended at its deadline.

Our end of its standard input is the lifeline (`command.py`): closing it makes the device kill the whole process
group. That ends what passed its deadline, and what a command that ended by itself left behind.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import paramiko

from edgerig import process
from edgerig.devices.ssh.command import MISSING, STARTED, Marked, command_line
from edgerig.devices.ssh.link import CLOSE_TIMEOUT_S, CONNECT_TIMEOUT_S, Link
from edgerig.errors import DeviceError
from edgerig.process import Finished

END_TIMEOUT_S = 20.0
"""How long the device has to end a command whose standard input was closed."""
FREED_WITHIN_S = 5.0
"""How long a server may count a session that was closed."""
TRIED_AGAIN_S = 0.02
PIECE_BYTES = 65536
FORCED_HINT = (
    "is another command forced on this login (ForceCommand in the sshd configuration, command= in authorized_keys), or "
    "is its shell no POSIX shell?"
)
UNNAMED_SIGNAL = -128
UNNAMED_NOTE = b"\n(ended by a signal the SSH server does not name, such as SIGBUS, SIGSYS or SIGTRAP)\n"


class LinkLost(Exception):
    """The link went away. `started` says whether the command may have begun: only one that did not is tried again."""

    def __init__(self, what: str, *, started: bool) -> None:
        super().__init__(what)
        self.started = started


class Command:
    """A command under way; a context manager that never leaves it running. `take` gets its stdout, else it is kept.

    Raises LinkLost, and DeviceError when the server or the device will not start it.
    """

    def __init__(
        self,
        link: Link,
        argv: Sequence[str],
        timeout_s: float,
        *,
        lifeline: bool = True,
        take: Callable[[bytes], None] | None = None,
    ) -> None:
        token = secrets.token_hex(8)
        line = command_line(argv, token=token, timeout_s=timeout_s, lifeline=lifeline)
        self._link = link
        self._argv = argv
        self._begin = time.monotonic()
        self._deadline = self._begin + timeout_s
        self._late = False
        self.channel = _start(link, line)
        self._out = _Drain(self.channel.recv, token, take, self.end)
        self._err = _Drain(self.channel.recv_stderr, token, None, self.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Closes the channel, on which the device kills the command; from any thread. Where the link does not take even
        that, it is cut."""
        with self._link.cut_after(CLOSE_TIMEOUT_S), contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.close()

    def line(self) -> bytes:
        """The first line of its stdout, without the newline; what there is when it ends before one, or the deadline."""
        self._out.wait_for_line(self._deadline)
        return self._out.kept().partition(b"\n")[0]

    def send(self, pieces: Iterator[bytes]) -> bool:
        """Writes to its standard input and closes that; False when the command stopped listening before the end."""

        def end_late() -> None:
            self._late = True
            self.end()

        guard = threading.Timer(max(0.0, self._deadline - time.monotonic()), end_late)
        guard.daemon = True
        guard.start()
        try:
            for piece in pieces:
                self.channel.sendall(piece)
            self.channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            return False
        finally:
            guard.cancel()
        return True

    def finish(self) -> Finished:
        """Waits for the end, or makes it at the deadline. Raises what `take` raised."""
        self.channel.status_event.wait(max(0.0, self._deadline - time.monotonic()))
        timed_out = self._late or not self.channel.status_event.is_set()
        # A dead link is found below.
        with self._link.cut_after(CLOSE_TIMEOUT_S), contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.shutdown_write()
        last = time.monotonic() + END_TIMEOUT_S
        self.channel.status_event.wait(END_TIMEOUT_S)
        for drain in (self._out, self._err):
            drain.join(last - time.monotonic())
        if self._out.failure is not None:
            raise self._out.failure
        code = self._returncode(timed_out)
        seconds = time.monotonic() - self._begin
        stderr = self._err.kept() + (UNNAMED_NOTE if code == UNNAMED_SIGNAL else b"")
        self._check_started(code, stderr)
        return Finished(code, self._out.kept(), stderr, seconds, timed_out)

    def _returncode(self, timed_out: bool) -> int:
        name = self._link.connection.exit_signals.pop(self.channel.chanid, None)
        if name is not None:
            return _signal_number(name)
        if self.channel.exit_status >= 0:
            return self.channel.exit_status
        if timed_out and self._link.alive:
            return -signal.SIGKILL  # the server has not said so in time; the device ends it by its own clock
        raise LinkLost(f"{self._argv[0]} was running", started=True)

    def _check_started(self, code: int, stderr: bytes) -> None:
        """Raises DeviceError when it was the login shell that ended, or `sh` that found no such program."""
        if self._out.state == STARTED:
            return
        if self._out.state == MISSING:
            raise DeviceError(
                f"{self._argv[0]} cannot be started on {self._link.endpoint.address}: no such program",
                hint="is it installed there, and in the PATH of a login without a terminal?",
            )
        said = (self._out.noise + b" " + self._err.noise + stderr)[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(
            f"{self._link.endpoint.address}: the login shell ended with {process.signal_name(code)} and ran nothing"
            + (f"; it said: {said}" if said else ""),
            hint=FORCED_HINT if code == 0 else "the user needs a POSIX login shell, and `env` and `sh` in its PATH",
        )


class _Drain:
    """Reads a stream to its end on a thread of its own; keeps at most `process.OUTPUT_LIMIT_BYTES`, or passes on."""

    def __init__(
        self,
        receive: Callable[[int], bytes],
        token: str,
        take: Callable[[bytes], None] | None,
        give_up: Callable[[], None],
    ) -> None:
        self._give_up = give_up
        self._receive = receive
        self._marked = Marked(token)
        self._take = take
        self._kept = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._read, name="edgerig-ssh-drain", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while piece := self._receive(PIECE_BYTES):
                self._add(self._marked.feed(piece))
        except (OSError, EOFError):
            pass  # the channel was closed under us: the end, as far as this stream goes
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _add(self, piece: bytes) -> None:
        if self._take is not None:
            try:
                if self.failure is None:
                    self._take(piece)
            except (OSError, DeviceError) as error:
                self.failure = error  # raised where the command is waited for, which closing ends
                self._give_up()
            return
        with self._changed:
            self._kept += piece[: process.OUTPUT_LIMIT_BYTES - len(self._kept)]
            self._changed.notify_all()

    def wait_for_line(self, deadline: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or b"\n" in self._kept, timeout=max(0.0, deadline - time.monotonic())
            )

    def join(self, timeout_s: float) -> None:
        self._thread.join(max(0.0, timeout_s))

    def kept(self) -> bytes:
        with self._changed:
            return bytes(self._kept)

    @property
    def state(self) -> str | None:
        return self._marked.state

    @property
    def noise(self) -> bytes:
        return self._marked.noise


def _start(link: Link, line: bytes) -> paramiko.Channel:
    with link.cut_after(2 * CONNECT_TIMEOUT_S + FREED_WITHIN_S):
        return _exec(link, _session(link), line)


def _session(link: Link) -> paramiko.Channel:
    """A channel for a command, opened once the server has room for it.

    Commands follow one another, so one session is all we ever need. But OpenSSH counts one that both sides have closed
    until it gets round to freeing it (serverloop.c: a message is answered before channels are collected), and refuses a
    request that comes right behind when `MaxSessions` is 1 (sshd_config(5)).
    """
    deadline = time.monotonic() + FREED_WITHIN_S
    while True:
        try:
            return link.connection.open_session(timeout=CONNECT_TIMEOUT_S)
        except paramiko.ChannelException as error:
            if time.monotonic() > deadline:
                raise _refused(link, error) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LinkLost(str(error), started=False) from error
        time.sleep(TRIED_AGAIN_S)


def _exec(link: Link, channel: paramiko.Channel, line: bytes) -> paramiko.Channel:
    # paramiko waits for the answer without a limit; a closed channel ends the wait.
    guard = threading.Timer(CONNECT_TIMEOUT_S, channel.close)
    guard.daemon = True
    guard.start()
    try:
        channel.exec_command(line)
    except (OSError, EOFError, paramiko.SSHException) as error:
        if link.alive:
            raise _refused(link, error) from error
        raise LinkLost(str(error), started=True) from error
    finally:
        guard.cancel()
    return channel


def _refused(link: Link, error: BaseException) -> DeviceError:
    return DeviceError(
        f"{link.endpoint.address} does not let this login run a command: {error}",
        hint="look at ForceCommand, MaxSessions and the user's shell in the device's sshd configuration",
    )


def _signal_number(name: str) -> int:
    """The negative number of an RFC 4254 signal name. OpenSSH has names for thirteen signals only."""
    try:
        return -signal.Signals[f"SIG{name}"]
    except KeyError:
        return UNNAMED_SIGNAL
