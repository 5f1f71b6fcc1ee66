"""One cell's connections, cut all at once: at the cell's deadline, and when the sweep is stopped.

Whoever waits for an answer is woken by its socket's end, whatever deadline a request of its own has.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from edgerig import process
from edgerig.errors import RunTimeout


class CutOff(Exception):
    """Raised instead of an answer once the connections are cut. No `EdgerigError`: nobody is to try again, nor to count
    it as a failure of the server; `Cut.at` says what it was."""


class Cut:
    """The sockets that are open, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False

    def check(self) -> None:
        """Raises CutOff."""
        if self._cut:
            raise CutOff

    def opened(self, connected: socket.socket) -> None:
        """Raises CutOff where it is too late for one."""
        with self._lock:
            self.check()
            self._open.add(connected)

    def closed(self, connected: socket.socket) -> None:
        with self._lock:
            self._open.discard(connected)

    def now(self) -> None:
        """Ends every connection, and lets none begin."""
        with self._lock:
            self._cut = True
            for connected in self._open:
                with contextlib.suppress(OSError):  # it has ended by itself
                    # Not the method of a TLS socket: that would have a request on its way sent in the clear.
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def at(self, timeout_s: float, cell: str) -> Iterator[None]:
        """Around what asks for the cell. Raises RunTimeout when it was cut at its deadline, Stopped by a stop."""
        timer = threading.Timer(timeout_s, self.now)
        timer.daemon = True
        with process.ended_by_stop(self.now, refuse=True):
            timer.start()
            try:
                yield
            except CutOff as error:
                raise RunTimeout(
                    f"{cell}: the server was asked no further at the deadline of {timeout_s:g} s",
                    hint="raise run.timeout_s, or lower run.min_seconds, run.limit, load_requests and load_seconds",
                ) from error
            finally:
                timer.cancel()
