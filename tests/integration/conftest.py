"""Fixtures of more than one file: a real sshd, and a home that knows nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd
from sshd import Sshd


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: neither the developer's keys nor the configuration there may help."""
    path = tmp_path / "home"
    (path / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(path))
    for name in ("SSH_AUTH_SOCK", "EDGERIG_SSH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[Sshd]:
    with sshd.running(tmp_path / "sshd") as running:
        yield running
