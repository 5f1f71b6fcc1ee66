"""What a server demands of a login beside a key it knows, and what it does with one that is in: real sshds, set so."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sshd
from ssh_device import spec_of
from sshd import Sshd

from edgerig.devices.ssh import SshTransport
from edgerig.errors import DeviceError, LoginRefused, Unreachable

pytestmark = pytest.mark.integration


# Passwords

PASSWORD = "correct horse 'battery' staple"
SHOWN = """\
import sys
from edgerig.devices.ssh import SshTransport
from edgerig.devices.kinds.ssh import SshDevice
with SshTransport(SshDevice.model_validate_json(sys.argv[1])) as transport:
    print(transport.run(["id", "-un"], 30).stdout)
    transport._link.close()
    print(transport.run(["id", "-un"], 30).stdout)
"""


@pytest.fixture
def password_server(tmp_path: Path, home: Path) -> Iterator[Sshd]:
    """A real sshd that takes a password only, of a user only it knows: its /etc/passwd and /etc/shadow are its own."""
    if os.geteuid() != 0:
        pytest.skip("only root's sshd may look into /etc/shadow")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = {"passwd": f"sesame:x:65533:65534::{tmp_path}:/bin/sh\n", "shadow": f"sesame:{hashed}:19000:0:99999:7:::\n"}
    mounts = []
    for name, line in lines.items():
        (tmp_path / name).write_text(Path("/etc", name).read_text() + line)
        mounts.append(f"mount --bind {tmp_path / name} /etc/{name}")
    own = ("unshare", "--mount", "sh", "-c", f'{" && ".join(mounts)} && exec "$@"', "sh")
    options = ("PasswordAuthentication=yes", "PubkeyAuthentication=no", "KbdInteractiveAuthentication=no")
    with sshd.running(tmp_path / "sshd", *options, before=own) as running:
        running.user = "sesame"
        yield running


def test_a_password_comes_from_the_environment(password_server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(password_server, key=None)
    monkeypatch.setenv("EDGERIG_SSH_PASSWORD", PASSWORD)
    with SshTransport(spec) as transport:
        assert transport.run(["id", "-un"], 30).stdout == b"sesame\n"
    monkeypatch.setenv("EDGERIG_SSH_PASSWORD", "a wrong one")
    with pytest.raises(LoginRefused, match="refused the login; tried: a password") as caught, SshTransport(spec):
        pass
    assert "a wrong one" not in caught.value.message + caught.value.hint
    monkeypatch.delenv("EDGERIG_SSH_PASSWORD")
    with pytest.raises(LoginRefused, match="refused the login") as caught, SshTransport(spec):
        pass
    assert "EDGERIG_SSH_PASSWORD" in caught.value.hint


def test_a_password_is_asked_for_once_at_a_terminal(password_server: Sshd) -> None:
    """A real terminal (pty(7)), at which somebody types; a link made anew asks nobody again."""
    spec = spec_of(password_server, key=None).model_dump_json()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", SHOWN, spec])
    said = b""
    with contextlib.suppress(OSError):  # how a terminal whose program has ended says so
        while piece := os.read(terminal, 1000):
            said += piece
            if piece.endswith(b": "):
                os.write(terminal, PASSWORD.encode() + b"\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    assert said.count(b"Password of sesame@127.0.0.1") == 1, said
    assert said.count(b"sesame\\n") == 2
    assert PASSWORD.encode() not in said


# What a server wants, and edgerig does not have


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("Ciphers=chacha20-poly1305@openssh.com", "cipher"),
        ("KexAlgorithms=sntrup761x25519-sha512@openssh.com", "key exchange"),
        ("HostKeyAlgorithms=ssh-rsa", "host key algorithm"),
        ("MACs=umac-64@openssh.com", "MAC"),
    ],
)
def test_nothing_in_common_says_what_each_side_offers(tmp_path: Path, home: Path, option: str, what: str) -> None:
    rsa = tmp_path / "rsa"
    os.system(f"ssh-keygen -q -t rsa -b 2048 -N '' -f {rsa}")
    setting, _, only = option.partition("=")
    with sshd.running(tmp_path / "sshd", f"HostKey={rsa}", option) as odd, pytest.raises(DeviceError) as caught:
        SshTransport(spec_of(odd)).__enter__()
    assert caught.value.kind == "DeviceError", "waiting does not help"
    assert f"have no {what} in common: it offers {only}; edgerig can " in caught.value.message
    assert setting in caught.value.hint


@pytest.fixture
def two_factors(tmp_path: Path, home: Path) -> Iterator[Sshd]:
    """A real sshd that takes root's key and wants a password besides, which only it knows."""
    if os.geteuid() != 0:
        pytest.skip("only root's sshd may look into /etc/shadow")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
    ).stdout.strip()
    others = [line for line in Path("/etc/shadow").read_text().splitlines() if not line.startswith("root:")]
    (tmp_path / "shadow").write_text("\n".join([f"root:{hashed}:19000:0:99999:7:::", *others]) + "\n")
    own = ("unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/shadow /etc/shadow && exec "$@"', "sh")
    options = ("PasswordAuthentication=yes", "AuthenticationMethods=publickey,password")
    with sshd.running(tmp_path / "sshd", *options, before=own) as running:
        yield running


def test_a_second_factor_is_asked_for_by_name(two_factors: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(two_factors)
    with pytest.raises(LoginRefused) as caught, SshTransport(spec):
        pass
    assert f"took {two_factors.client_key} and wants more than that: password" in caught.value.message
    assert caught.value.hint == "put it into EDGERIG_SSH_PASSWORD"
    monkeypatch.setenv("EDGERIG_SSH_PASSWORD", "a wrong one")
    with pytest.raises(LoginRefused, match="it refused a password") as caught, SshTransport(spec):
        pass
    assert "EDGERIG_SSH_PASSWORD right" in caught.value.hint
    monkeypatch.setenv("EDGERIG_SSH_PASSWORD", PASSWORD)
    with SshTransport(spec) as transport:
        assert transport.run(["id", "-un"], 30).stdout == b"root\n"


def test_questions_beside_a_key_are_said_to_be_none_a_program_answers(tmp_path: Path, home: Path) -> None:
    options = ("AuthenticationMethods=publickey,keyboard-interactive", "KbdInteractiveAuthentication=yes")
    with sshd.running(tmp_path / "sshd", *options) as asking, pytest.raises(LoginRefused) as caught:
        SshTransport(spec_of(asking)).__enter__()
    assert "wants more than that: keyboard-interactive" in caught.value.message
    assert "AuthenticationMethods publickey" in caught.value.hint
    assert "ssh-copy-id" not in caught.value.hint


def test_a_second_key_is_asked_for(tmp_path: Path, home: Path) -> None:
    with sshd.running(tmp_path / "sshd", "AuthenticationMethods=publickey,publickey") as twice:
        with pytest.raises(LoginRefused, match="wants more than that: publickey") as caught:
            SshTransport(spec_of(twice)).__enter__()
        assert "second key" in caught.value.hint
        second = tmp_path / "second"
        sshd.make_key(second)
        with (twice.folder / "authorized_keys").open("a") as file:
            file.write(Path(f"{second}.pub").read_text())
        (home / ".ssh" / "config").write_text(
            f"Host 127.0.0.1\n  IdentityFile {twice.client_key}\n  IdentityFile {second}\n"
        )
        with SshTransport(spec_of(twice, key=None)) as transport:
            assert transport.run(["true"], 30).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is told of root's login")
def test_root_that_may_not_log_in_is_asked_about(tmp_path: Path, home: Path) -> None:
    with sshd.running(tmp_path / "sshd", "PermitRootLogin=no") as strict, pytest.raises(LoginRefused) as caught:
        SshTransport(spec_of(strict)).__enter__()
    assert "PermitRootLogin" in caught.value.hint


def test_a_server_that_takes_no_keys_is_not_given_one(password_server: Sshd) -> None:
    with pytest.raises(LoginRefused, match="it takes password") as caught, SshTransport(spec_of(password_server)):
        pass
    assert "ssh-copy-id" not in caught.value.hint
    assert "EDGERIG_SSH_PASSWORD" in caught.value.hint


def test_too_many_keys_are_said_to_be_too_many(tmp_path: Path, home: Path) -> None:
    with sshd.running(tmp_path / "sshd", "MaxAuthTries=2") as curt:
        names = [tmp_path / f"key{number}" for number in range(3)]
        for name in names:
            sshd.make_key(name)
        (home / ".ssh" / "config").write_text("Host 127.0.0.1\n" + "".join(f"  IdentityFile {n}\n" for n in names))
        with pytest.raises(Unreachable, match="it said: Too many authentication failures") as caught:
            SshTransport(spec_of(curt, key=None)).__enter__()
    assert "MaxAuthTries" in caught.value.hint


@pytest.mark.parametrize("command", ["echo hello", "/usr/sbin/nologin", "cat >/dev/null"])
def test_a_forced_command_is_told(server: Sshd, command: str) -> None:
    allowed = server.folder / "authorized_keys"
    allowed.write_text(f'command="{command}" {allowed.read_text()}')
    with SshTransport(spec_of(server)) as transport, pytest.raises(DeviceError, match="ran nothing") as caught:
        transport.run(["true"], 3)
    if command == "echo hello":
        assert "it said: hello" in caught.value.message
        assert "ForceCommand" in caught.value.hint
    if "nologin" in command:
        assert "This account is currently not available" in caught.value.message


def test_one_session_at_a_time_is_enough(tmp_path: Path, home: Path) -> None:
    """What follows closely on a session that was closed is refused by the server until it has freed that."""
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(200_000))
    with sshd.running(tmp_path / "sshd", "MaxSessions=1") as narrow, SshTransport(spec_of(narrow)) as transport:
        transport.prepare()
        for _ in range(10):
            assert transport.run(["sh", "-c", "sleep 60 & echo $1", "sh", "x"], 30).stdout == b"x\n"
            transport.push(sent, f"{tmp_path}/there")
            transport.pull(f"{tmp_path}/there", tmp_path / "back", 200_000)
            (tmp_path / "there").unlink()
        assert transport.run(["sleep", "60"], 0.2).timed_out
        assert transport.run(["true"], 30).returncode == 0
    assert (tmp_path / "back").read_bytes() == sent.read_bytes()


def test_no_session_at_all_is_told_in_time(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgerig.devices.ssh.channel.FREED_WITHIN_S", 0.5)
    with (
        sshd.running(tmp_path / "sshd", "MaxSessions=0") as shut,
        SshTransport(spec_of(shut)) as transport,
        pytest.raises(DeviceError, match="does not let this login run a command") as caught,
    ):
        transport.run(["true"], 30)
    assert "MaxSessions" in caught.value.hint
