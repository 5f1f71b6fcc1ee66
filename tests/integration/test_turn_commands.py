"""`edgerig devices …` beside a sweep that is at work on the device: a real sshd, and a turn that is really held."""

import sys
from pathlib import Path

import pytest
from ssh_device import spec_of
from sshd import Sshd

from edgerig.cli import devices
from edgerig.devices.lease import DeviceLease
from edgerig.devices.ssh import SshTransport
from edgerig.devices.turns import claim
from edgerig.errors import DeviceBusy

pytestmark = pytest.mark.integration


def test_clean_leaves_a_device_alone_that_is_at_work_and_the_others_say_so(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_of(server, name="board", runtime="system", python=sys.executable)
    (tmp_path / "devices").mkdir()
    keys = ("host", "port", "user", "key", "known_hosts", "runtime", "python", "workdir")
    lines = [f"{key} = {getattr(spec, key)!r}" if key == "port" else f'{key} = "{getattr(spec, key)}"' for key in keys]
    (tmp_path / "devices" / "board.toml").write_text("\n".join(['kind = "ssh"', *lines]))
    monkeypatch.chdir(tmp_path)
    with SshTransport(spec) as link:
        link.prepare()
        with DeviceLease(link, spec.workdir, claim("board", "run-1", "token")).held():
            with pytest.raises(DeviceBusy, match=r"board is in use by .*, run run-1"):
                devices.clean("board", 0)
            devices.probe("board", as_json=False)
            assert "run run-1" in capsys.readouterr().out
            devices.doctor("board")
            assert "run run-1" in capsys.readouterr().out
        devices.clean("board", 0)
        assert "0 files" in capsys.readouterr().out
