"""Files over SSH, onto devices that are full, have no tools, or have had the file before."""

import os
import shutil
import time
from pathlib import Path

import pytest
import slow_link
import sshd
from processes import processes, wait_for
from ssh_device import MB, parts, random_file, spec_of, trust_port
from sshd import Sshd

from edgerig.devices import content_store
from edgerig.devices.ssh import SshTransport
from edgerig.errors import DeviceError

pytestmark = pytest.mark.integration


def test_an_upload_keeps_a_window_in_flight(server: Sshd, tmp_path: Path) -> None:
    """With 50 ms added to each round trip, 8 MB in pieces of 32 KiB would take 12 s one at a time."""
    sent = random_file(tmp_path / "sent", 8 * MB)
    with slow_link.slow_link(server.port, round_trip_s=0.05) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            begin = time.monotonic()
            transport.push(sent, f"{tmp_path}/arrived")
            assert time.monotonic() - begin < 6
        assert link.carried > 8 * MB
    assert (tmp_path / "arrived").read_bytes() == sent.read_bytes()


def test_equal_content_is_not_sent_again(server: Sshd, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", 5 * MB)
    with slow_link.slow_link(server.port) as link:
        trust_port(server, link.port)
        with SshTransport(spec_of(server, port=link.port)) as transport:
            transport.push(sent, f"{tmp_path}/one")
            before = link.carried
            assert before > 5 * MB
            transport.push(sent, f"{tmp_path}/two")
            assert link.carried - before < 20_000
        with SshTransport(spec_of(server, port=link.port)) as transport:
            before = link.carried
            transport.push(sent, f"{tmp_path}/three")
            assert link.carried - before < 20_000
    assert (tmp_path / "three").read_bytes() == sent.read_bytes()


def test_a_rotten_store_is_found_out_and_sent_again(server: Sshd, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", MB)
    with SshTransport(spec_of(server)) as transport:
        transport.push(sent, f"{tmp_path}/one")
        (kept,) = (server.folder / "work" / "store").iterdir()
        kept.chmod(0o644)
        kept.write_bytes(b"x" * MB)
        transport.push(sent, f"{tmp_path}/two")
    assert (tmp_path / "two").read_bytes() == sent.read_bytes()
    assert kept.read_bytes() == sent.read_bytes()


def test_a_full_disk_is_a_device_error_and_leaves_nothing(server: Sshd, tmp_path: Path) -> None:
    """`ulimit -f` bounds the size of any file the login may write, as a full disk does."""
    small = tmp_path / "small"
    small.write_text('#!/bin/sh\nulimit -f 2000\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n')
    small.chmod(0o755)
    line = (server.folder / "authorized_keys").read_text()
    (server.folder / "authorized_keys").write_text(f'command="{small}" {line}')
    sent = random_file(tmp_path / "sent", 20 * MB)
    with SshTransport(spec_of(server)) as transport:
        with pytest.raises(DeviceError, match="target"):
            transport.push(sent, f"{tmp_path}/target")
        assert transport.run(["true"], 30).returncode == 0
    assert not (tmp_path / "target").exists()
    wait_for(lambda: parts(tmp_path) == [])


def test_a_device_without_a_hashing_tool_is_read_back(server: Sshd, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "env", "cat", "mv", "rm", "ln", "cp", "wc", "mkdir", "chmod", "touch", "sleep", "setsid"):
        (tools / tool).symlink_to(shutil.which(tool))
    sent = random_file(tmp_path / "sent", MB)
    with sshd.running(tmp_path / "bare", f"SetEnv=PATH={tools}") as bare, SshTransport(spec_of(bare)) as transport:
        transport.push(sent, f"{tmp_path}/arrived")
        assert (tmp_path / "arrived").read_bytes() == sent.read_bytes()
        with pytest.raises(DeviceError):
            transport.push(sent, f"{tmp_path}/missing/arrived")
    assert parts(tmp_path) == []


def test_the_store_is_cleaned_of_what_was_used_longest_ago(server: Sshd, tmp_path: Path) -> None:
    with SshTransport(spec_of(server)) as transport:
        for index in range(4):
            transport.push(random_file(tmp_path / f"f{index}", 100_000), f"{tmp_path}/t{index}")
            time.sleep(1.1)  # file times of a second are all `ls -t` may rely on
        transport.push(tmp_path / "f0", f"{tmp_path}/again")
        store = server.folder / "work" / "store"
        stale = store / "abc.part"
        stale.write_bytes(b"x")
        os.utime(stale, (time.time() - 86_400,) * 2)
        done = content_store.clean(transport, f"{server.folder}/work", 250_000)
        assert (done.removed, done.kept, done.kept_bytes) == (2, 2, 200_000)
        assert not stale.exists()
        assert len(list(store.iterdir())) == 2
        assert (tmp_path / "t1").read_bytes() == (tmp_path / "f1").read_bytes()
        with slow_link.slow_link(server.port) as link:
            trust_port(server, link.port)
            with SshTransport(spec_of(server, port=link.port)) as second:
                second.push(tmp_path / "f0", f"{tmp_path}/third")
                assert link.carried < 30_000


def test_a_push_leaves_no_watch_behind(server: Sshd, tmp_path: Path) -> None:
    """What keeps the deadline on the device goes with the command, not with the deadline."""
    with SshTransport(spec_of(server)) as transport:
        for size in (10, MB, MB):
            transport.push(random_file(tmp_path / "sent", size), f"{tmp_path}/target")
        transport.push(tmp_path / "sent", f"{tmp_path}/again")
        with pytest.raises(DeviceError):
            transport.push(tmp_path / "sent", f"{tmp_path}/missing/target")
        transport.pull(f"{tmp_path}/again", tmp_path / "back", MB)
        wait_for(lambda: not processes(str(tmp_path / "target")))
