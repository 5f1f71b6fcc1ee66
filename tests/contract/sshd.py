"""A real OpenSSH server for tests: on loopback, with keys of its own, as whoever runs the tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from needs import program, require
from ports import held_port

START_DEADLINE_S = 20.0


@dataclass
class Sshd:
    """A running server. `folder` holds its keys, its log and `known_hosts` with its true host key."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    user: str = field(default_factory=getpass.getuser)
    process: subprocess.Popen[bytes] | None = None
    before: tuple[str, ...] = ()
    """A command that becomes the server's, such as `unshare`."""

    @property
    def host_key(self) -> Path:
        return self.folder / "host_ed25519"

    @property
    def client_key(self) -> Path:
        return self.folder / "client_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def start(self) -> None:
        """Starts the server and waits until it greets."""
        options = {
            "ListenAddress": "127.0.0.1",
            "Port": str(self.port),
            "HostKey": str(self.host_key),
            "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PermitRootLogin": "yes",
            "PasswordAuthentication": "no",
            "MaxStartups": "100",
        }
        argv = [*self.before, program("sshd", "openssh-server"), "-D", "-e", "-f", "/dev/null"]
        for option in self.options:  # the first of a name counts
            argv += ["-o", option]
        for key, value in options.items():
            argv += ["-o", f"{key}={value}"]
        argv += ["-o", "Subsystem=sftp internal-sftp"]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        deadline = time.monotonic() + START_DEADLINE_S
        while not greets(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"sshd did not start: {(self.folder / 'sshd.log').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends the server and every session of it at once, as a power cut would: no goodbye from any of them."""
        ending, self.process = self.process, None
        if ending is None:
            return
        for pid in [ending.pid, *sessions(ending.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ending.wait()

    def cut_sessions(self) -> None:
        """Kills every session and leaves the server: a link that drops and can be made again."""
        if self.process is None:
            return
        for pid in sessions(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(folder: Path, *options: str, before: tuple[str, ...] = ()) -> Iterator[Sshd]:
    """A server in `folder` with extra `options` ("Key=value"), ended on leaving; `before` is a command around it."""
    require("openssh-server", "an account that is not locked")
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where a root sshd insists on separating its privileges
    with held_port() as port:
        server = Sshd(folder, port, options, before=before)
        for path in (server.host_key, server.client_key):
            make_key(path)
        shutil.copyfile(f"{server.client_key}.pub", folder / "authorized_keys")
        trust(server.known_hosts, port, server.host_key)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def make_key(path: Path) -> None:
    command = [program("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL)


def trust(known_hosts: Path, port: int, host_key: Path) -> None:
    """Adds the public half of `host_key` to `known_hosts` as the key of 127.0.0.1 at `port`."""
    kind, blob = Path(f"{host_key}.pub").read_text().split()[:2]
    with known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{port} {kind} {blob}\n")


def greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.settimeout(5)
            return link.recv(4) == b"SSH-"
    except OSError:
        return False


def sessions(parent: int) -> list[int]:
    """The server's processes below `parent` (its own children and theirs that are sshd too), not what they started."""
    children: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            children.setdefault(int(rest.split()[1]), []).append((int(entry.name), name))
    found, queue = [], [parent]
    while queue:
        for pid, name in children.get(queue.pop(), []):
            if name.startswith("sshd"):
                found.append(pid)
                queue.append(pid)
    return found
