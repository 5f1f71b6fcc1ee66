"""A TCP proxy in user space that delays, throttles and cuts: a slow or lossy link where the kernel offers none.

Every direction of every connection is a reader, which stamps each chunk with the time it is due, and a writer, which
sends it then. Delay adds to the round trip (half each way) without bounding what is in flight; the rate is a token
count: a chunk is due when the link has had time to carry all chunks before it.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK = 65536
IN_FLIGHT = 512
"""Chunks a direction may hold (32 MiB): more than any window in use, so that the delay alone is measured."""


@dataclass
class SlowLink:
    """A running proxy on 127.0.0.1:`port`; `cut_after_bytes` drops a connection once that much went to the server."""

    target: int
    round_trip_s: float = 0.0
    bytes_per_s: float | None = None
    cut_after_bytes: int | None = None
    port: int = 0
    carried: int = 0
    cuts: int = 0
    _listener: socket.socket = field(default_factory=socket.socket)
    _frozen: threading.Event = field(default_factory=threading.Event)
    _live: list[socket.socket] = field(default_factory=list)

    def start(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """From now on nothing passes, and no end is told: a pulled cable."""
        self._frozen.set()

    def cut(self) -> None:
        """Drops every connection now."""
        self.cuts += 1
        for end in self._live:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._live.clear()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._live.append(end)
            self._pump(client, server, count=True)
            self._pump(server, client, count=False)

    def _pump(self, source: socket.socket, sink: socket.socket, count: bool) -> None:
        due: queue.Queue[tuple[float, bytes]] = queue.Queue(IN_FLIGHT)
        threading.Thread(target=self._read, args=(source, due, count), daemon=True).start()
        threading.Thread(target=self._write, args=(sink, due), daemon=True).start()

    def _read(self, source: socket.socket, due: queue.Queue[tuple[float, bytes]], count: bool) -> None:
        free_at = 0.0
        while True:
            try:
                chunk = source.recv(CHUNK)
            except OSError:
                chunk = b""
            now = time.monotonic()
            if count:
                self.carried += len(chunk)
                if self.cut_after_bytes is not None and self.carried >= self.cut_after_bytes:
                    self.cut_after_bytes = None
                    self.cut()
            if self.bytes_per_s is not None:
                free_at = max(free_at, now) + len(chunk) / self.bytes_per_s
                # A link holds little: what does not fit waits with the sender, as behind a real modem's queue.
                time.sleep(max(0.0, free_at - now - 0.02))
            due.put((max(now, free_at) + self.round_trip_s / 2, chunk))
            if not chunk:
                return

    def _write(self, sink: socket.socket, due: queue.Queue[tuple[float, bytes]]) -> None:
        while True:
            when, chunk = due.get()
            time.sleep(max(0.0, when - time.monotonic()))
            if self._frozen.is_set():
                return
            try:
                if chunk:
                    sink.sendall(chunk)
                    continue
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                sink.close()
            return


@contextlib.contextmanager
def slow_link(
    target: int,
    *,
    round_trip_s: float = 0.0,
    bytes_per_s: float | None = None,
    cut_after_bytes: int | None = None,
) -> Iterator[SlowLink]:
    """A link to the local port `target`, ended on leaving."""
    link = SlowLink(target, round_trip_s, bytes_per_s, cut_after_bytes)
    link.start()
    try:
        yield link
    finally:
        link.stop()
