"""What a child process is given of this one's environment."""

import os
import sys
from pathlib import Path

import pytest

from edgerig import process, quiet
from edgerig.build import spawn
from edgerig.devices.local import LocalTransport

SHOW = "import os; print(sorted(os.environ))"


def test_no_child_is_given_our_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERIG_SSH_PASSWORD", "secret")
    monkeypatch.setenv("KEPT", "x")
    for env in (None, dict(os.environ), spawn.environment()):
        said = process.run([sys.executable, "-c", SHOW], timeout_s=60, env=env).stdout.decode()
        assert "KEPT" in said
        assert "EDGERIG_SSH_PASSWORD" not in said
    assert "EDGERIG_SSH_PASSWORD" not in LocalTransport().run([sys.executable, "-c", SHOW], 60).stdout.decode()
    assert os.environ["EDGERIG_SSH_PASSWORD"] == "secret"


def test_every_child_is_kept_from_reporting_home() -> None:
    assert quiet.NO_TELEMETRY.items() <= spawn.environment().items()
    said = LocalTransport().run([sys.executable, "-c", SHOW], 60).stdout.decode()
    assert all(name in said for name in quiet.NO_TELEMETRY)


def test_keras_settings_go_to_the_cache_where_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KERAS_HOME", *quiet.NO_TELEMETRY):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    (tmp_path / ".keras").mkdir()
    quiet.be_quiet()
    assert "KERAS_HOME" not in {**os.environ, **spawn.environment()}
    (tmp_path / ".keras").rmdir()
    assert spawn.environment()["KERAS_HOME"] == str(tmp_path / "cache" / "keras"), "whoever starts the build"
    assert "KERAS_HOME" not in os.environ
    quiet.be_quiet()
    assert os.environ["KERAS_HOME"] == str(tmp_path / "cache" / "keras")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    for name in ("KERAS_HOME", *quiet.NO_TELEMETRY):
        monkeypatch.delenv(name, raising=False)
