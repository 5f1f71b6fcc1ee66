"""The folder on a device that programs are run from: nobody else leads it elsewhere or writes to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ssh_device import spec_of
from sshd import Sshd

from edgerig.devices.ssh import SshTransport
from edgerig.errors import DeviceError

pytestmark = pytest.mark.integration


def test_a_workdir_that_is_a_link_is_refused(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "elsewhere")
    device = SshTransport(spec_of(server, workdir=str(tmp_path / "work")))
    with device as transport, pytest.raises(DeviceError, match="it is a link"):
        transport.prepare()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(("mode", "taken"), [(0o700, True), (0o755, True), (0o770, False), (0o707, False)])
def test_a_workdir_that_others_may_write_to_is_refused(server: Sshd, tmp_path: Path, mode: int, taken: bool) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(mode)
    with SshTransport(spec_of(server, workdir=str(tmp_path / "work"))) as transport:
        if taken:
            transport.prepare()
            return
        with pytest.raises(DeviceError, match="others may write to it: chmod go-w"):
            transport.prepare()
