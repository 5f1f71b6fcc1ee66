"""The encrypted link to a server: dialled (straight, through a jump host, or through a program), its host key
enforced, logged in, watched, and closed with everything below it.

Round numbers of the watch: a packet is sent after `KEEPALIVE_S` of silence, and the kernel gives a connection up when
nothing was acknowledged for `DEAD_AFTER_S` (TCP_USER_TIMEOUT, tcp(7)), so a pulled cable is noticed within a minute.
Through a jump host or a program the kernel sees the first hop alone: whoever writes there sets a limit (`cut_after`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import IncompatiblePeer

from edgerig.devices.ssh.agreement import nothing_in_common
from edgerig.devices.ssh.config import Endpoint
from edgerig.devices.ssh.hostkeys import check_host_key, known_keys, preferred_algorithms
from edgerig.devices.ssh.login import log_in
from edgerig.errors import DeviceError, Unreachable
from edgerig.process import without_secrets

CONNECT_TIMEOUT_S = 15.0
KEEPALIVE_S = 15
DEAD_AFTER_S = 30.0
CLOSE_TIMEOUT_S = 5.0
"""How long a link has to take the word that something is closed."""
SAID_LIMIT = 300
# AES-GCM needs no separate MAC: the fastest of what OpenSSH and paramiko share. The CBC modes are left out.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
# What goes wrong is raised; without a handler Python would print the library's tracebacks beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def _note_exit_signal(channel: paramiko.Channel, message: Message) -> None:
    """Keeps the name of the signal a command died of, which paramiko drops (RFC 4254, 6.10)."""
    request = Message(message.get_remainder())
    connection = channel.transport
    if request.get_text() == "exit-signal" and isinstance(connection, Connection):
        request.get_boolean()
        connection.exit_signals[channel.chanid] = request.get_text()
    channel._handle_request(message)  # type: ignore[attr-defined]


class Connection(paramiko.Transport):
    """paramiko's transport, which also tells by what signal a command ended (`exit_signals`, by channel)."""

    _channel_handler_table = {  # noqa: RUF012  (paramiko's own attribute, read-only)
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _note_exit_signal,
    }

    def __init__(self, sock: socket.socket | paramiko.Channel) -> None:
        super().__init__(sock)
        self.exit_signals: dict[int, str] = {}
        self.offered: dict[str, list[str]] = {}
        """The server's algorithms, by the names paramiko has for the lists."""
        self.last_word = ""
        """Why the server hung up, where it said so (RFC 4253, 11.1)."""

    def _really_parse_kex_init(self, m: Message, ignore_first_byte: bool = False) -> dict[str, Any]:
        parsed: dict[str, Any] = super()._really_parse_kex_init(m, ignore_first_byte)  # type: ignore[misc]
        self.offered = {name: list(found) for name, found in parsed.items() if isinstance(found, list)}
        return parsed

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.last_word = m.get_text()[:SAID_LIMIT]

    def ours(self) -> dict[str, Sequence[str]]:
        """What we offer, by the same names as `offered`."""
        return {
            "kex_algo_list": self.preferred_kex,
            "server_key_algo_list": self.preferred_keys,
            "client_encrypt_algo_list": self.preferred_ciphers,
            "client_mac_algo_list": self.preferred_macs,
        }


@dataclass
class Link:
    """An open link; `below` closes what carries it, outermost last, down to the socket `carrier`."""

    endpoint: Endpoint
    connection: Connection
    carrier: socket.socket
    below: list[Callable[[], None]] = field(default_factory=list)
    _was_cut: bool = False

    @property
    def alive(self) -> bool:
        return self.connection.is_active() and not self._was_cut

    def close(self) -> None:
        with self.cut_after(CLOSE_TIMEOUT_S):
            self.connection.close()
            for close in self.below:
                close()

    def cut(self) -> None:
        """Ends the link without a word; from any thread."""
        self._was_cut = True
        with contextlib.suppress(OSError):
            self.carrier.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Cuts the link when what is inside takes longer: paramiko's writes wait without a limit, and while one does,
        nothing else can be said, not even that a channel is closed."""
        guard = threading.Timer(seconds, self.cut)
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()


def connect(endpoint: Endpoint) -> Link:
    """Raises Unreachable, LoginRefused, HostKeyUnknown, HostKeyMismatch, and DeviceError when there is nothing to agree
    on; nothing stays open then."""
    below: list[Callable[[], None]] = []
    connection: Connection | None = None
    try:
        sock, carrier = _dial(endpoint, below)
        connection = Connection(sock)
        below.insert(0, connection.close)
        _secure(connection, endpoint)
        log_in(connection, endpoint, lambda: connection.last_word)
        connection.set_keepalive(KEEPALIVE_S)
    except DeviceError:
        _close_all(below)
        raise
    except (OSError, EOFError, paramiko.SSHException) as error:
        _close_all(below)
        if isinstance(error, IncompatiblePeer) and connection is not None:
            raise nothing_in_common(endpoint.address, connection.offered, connection.ours(), str(error)) from error
        said = f" (it said: {connection.last_word})" if connection is not None and connection.last_word else ""
        raise Unreachable(
            f"{endpoint.address} cannot be reached: {_words(error)}{said}",
            hint=f"is it switched on, in this network, and does sshd listen on port {endpoint.port}? "
            f"`{endpoint.by_hand('ssh', '-v')} true` tells more",
        ) from error
    except BaseException:
        _close_all(below)
        raise
    return Link(endpoint, connection, carrier, below[1:])


def _secure(connection: Connection, endpoint: Endpoint) -> None:
    """The handshake, and the host key before anything else is said."""
    known = known_keys(endpoint.known_as, endpoint.known_hosts)
    options = connection.get_security_options()
    options.ciphers = [cipher for cipher in CIPHERS if cipher in options.ciphers]
    options.key_types = preferred_algorithms(known, options.key_types)
    connection.banner_timeout = CONNECT_TIMEOUT_S
    connection.auth_timeout = CONNECT_TIMEOUT_S
    connection.channel_timeout = CONNECT_TIMEOUT_S
    connection.start_client(timeout=2 * CONNECT_TIMEOUT_S)
    shown = connection.get_remote_server_key()
    check_host_key(endpoint, known, shown.get_name(), shown.asbytes())


def _dial(
    endpoint: Endpoint, below: list[Callable[[], None]]
) -> tuple[socket.socket | paramiko.Channel, socket.socket]:
    """The stream to the server, and the socket that carries it in the end; what closes it is added to `below`."""
    if endpoint.jump is not None:
        jump = connect(endpoint.jump)
        below.append(jump.close)
        try:
            far = jump.connection.open_channel("direct-tcpip", (endpoint.host, endpoint.port), ("127.0.0.1", 0))
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Unreachable(
                f"{endpoint.address} cannot be reached through {endpoint.jump.address}: {_words(error)}",
                hint="is it switched on, and can the jump host reach it?",
            ) from error
        return far, jump.carrier
    if endpoint.proxy_command:
        ours = _proxy(endpoint, below)
        return ours, ours
    sock = socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_TIMEOUT_S)
    below.append(sock.close)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER_S * 1000))
    return sock, sock


def _proxy(endpoint: Endpoint, below: list[Callable[[], None]]) -> socket.socket:
    """The streams of the configured ProxyCommand as one socket. It is started as words, not by a shell."""
    ours, theirs = socket.socketpair()
    below.append(ours.close)
    try:
        ends = theirs.fileno()
        child = subprocess.Popen(
            list(endpoint.proxy_command),
            stdin=ends,
            stdout=ends,
            start_new_session=True,
            env=without_secrets(os.environ),
        )
    except OSError as error:
        raise Unreachable(
            f"ProxyCommand {endpoint.proxy_command[0]} for {endpoint.address} cannot be started: {error.strerror}",
            hint="correct ProxyCommand in ~/.ssh/config",
        ) from error
    finally:
        theirs.close()
    below.append(lambda: _end(child))
    return ours


def _end(child: subprocess.Popen[bytes]) -> None:
    """Its streams are closed already, which ends most such programs."""
    try:
        child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _close_all(below: list[Callable[[], None]]) -> None:
    for close in below:
        with contextlib.suppress(OSError, EOFError):
            close()


def _words(error: BaseException) -> str:
    """What went wrong in words, where the libraries often give none."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, EOFError):
        return "the connection was closed"
    return str(error) or type(error).__name__
