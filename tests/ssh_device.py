"""A real sshd as a device: what the tests of SSH share."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import sshd
from sshd import Sshd

from edgerig.devices.kinds.ssh import SshDevice

MB = 10**6


def spec_of(server: Sshd, port: int | None = None, **changes: object) -> SshDevice:
    table = {
        "name": "board",
        "kind": "ssh",
        "host": "127.0.0.1",
        "port": port or server.port,
        "user": server.user,
        "key": server.client_key,
        "known_hosts": server.known_hosts,
        "workdir": str(server.folder / "work"),
    }
    return SshDevice.model_validate({**table, **changes})


def trust_port(server: Sshd, port: int) -> None:
    sshd.trust(server.known_hosts, port, server.host_key)


def parts(folder: Path) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.name.endswith(".part")]


def random_file(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


RELAY = """\
import os, socket, sys, threading
with open(sys.argv[3] + ".tmp", "w") as file:
    file.write(str(os.getpid()))
os.rename(file.name, sys.argv[3])
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        link.sendall(data)
    os._exit(0)
threading.Thread(target=up, daemon=True).start()
while data := link.recv(65536):
    os.write(1, data)
"""


def use_relay(home: Path, tmp_path: Path) -> None:
    """From here on a ProxyCommand carries every link; its pid is in `relay.pid`."""
    (tmp_path / "relay.py").write_text(RELAY)
    command = f"{sys.executable} {tmp_path}/relay.py %h %p {tmp_path}/relay.pid"
    (home / ".ssh" / "config").write_text(f"Host 127.0.0.1\n  ProxyCommand {command}\n")


@contextlib.contextmanager
def jumping(server: Sshd, tmp_path: Path) -> Iterator[Sshd]:
    """A jump host the server's own key is good for."""
    with sshd.running(tmp_path / "jump") as jump:
        sshd.trust(server.known_hosts, jump.port, jump.host_key)
        with (jump.folder / "authorized_keys").open("a") as file:
            file.write(Path(f"{server.client_key}.pub").read_text())
        yield jump
