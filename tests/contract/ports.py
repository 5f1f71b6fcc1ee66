"""Ports for the tests' own servers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """A loopback port that is nobody else's while inside.

    It is bound but not listened at: who connects is refused, and the kernel gives it to nobody who asks for any; but a
    server that sets SO_REUSEADDR, as sshd and adb do, may listen there, also anew after its end.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
