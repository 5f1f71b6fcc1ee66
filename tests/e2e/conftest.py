import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd
from e2e.commands import Edgerig
from sshd import Sshd


@pytest.fixture
def edgerig(tmp_path: Path) -> Edgerig:
    return Edgerig(tmp_path)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The folder for temporary files of all that the test starts: its name is in the command lines of runners on this
    machine, and tells them from those of tests that run beside. Short, for sockets below it."""
    with tempfile.TemporaryDirectory(prefix="ew-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield folder


@pytest.fixture
def remote(edgerig: Edgerig) -> Iterator[Sshd]:
    """A real sshd on this machine, and the device file that leads to it."""
    with sshd.running(edgerig.folder / "sshd") as server:
        (edgerig.folder / "devices").mkdir()
        (edgerig.folder / "devices" / "remote.toml").write_text(
            f'kind = "ssh"\nhost = "127.0.0.1"\nport = {server.port}\nuser = "{server.user}"\n'
            f'key = "{server.client_key}"\nknown_hosts = "{server.known_hosts}"\nruntime = "system"\n'
            f'python = "{sys.executable}"\nworkdir = "{edgerig.folder / "work"}"\n'
        )
        yield server
