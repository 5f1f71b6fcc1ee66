"""Reaching a device over SSH and logging in: keys that are really wrong, passwords, jump hosts, the configuration."""

import base64
import contextlib
import getpass
import os
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
import sshd
from ports import held_port
from processes import running, wait_for
from ssh_device import jumping, spec_of, use_relay
from sshd import Sshd

from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.ssh import SshTransport
from edgerig.errors import (
    ConfigError,
    DeviceError,
    EdgerigError,
    HostKeyMismatch,
    HostKeyUnknown,
    LoginRefused,
    Unreachable,
)

pytestmark = pytest.mark.integration


# Host keys


def test_an_unknown_host_key_is_refused_and_the_hint_accepts_it(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "new folder" / "known hosts"
    with pytest.raises(HostKeyUnknown) as caught, SshTransport(spec_of(server, known_hosts=known)):
        pass
    printed = os.popen(f"ssh-keygen -lf {server.host_key}.pub").read().split()[1]
    assert printed.startswith("SHA256:")
    assert printed in caught.value.message
    command = caught.value.hint[caught.value.hint.index("mkdir -p") :]
    assert os.system(command) == 0
    with SshTransport(spec_of(server, known_hosts=known)) as transport:
        assert transport.run(["true"], 30).returncode == 0


def test_a_changed_host_key_is_never_spoken_to(server: Sshd, tmp_path: Path) -> None:
    other = tmp_path / "other"
    sshd.make_key(other)
    server.known_hosts.unlink()
    sshd.trust(server.known_hosts, server.port, other)
    with pytest.raises(HostKeyMismatch, match="SHA256:") as caught, SshTransport(spec_of(server)):
        pass
    assert "ssh-keygen -f" in caught.value.hint
    log = (server.folder / "sshd.log").read_text()
    assert "Accepted" not in log and "Failed publickey" not in log


def test_a_key_of_another_type_is_asked_for_when_that_one_is_known(server: Sshd, tmp_path: Path) -> None:
    """OpenSSH would show its ed25519 key first; the file knows the RSA key only."""
    rsa = tmp_path / "rsa"
    os.system(f"ssh-keygen -q -t rsa -b 2048 -N '' -f {rsa}")
    with sshd.running(tmp_path / "two", f"HostKey={rsa}") as two:
        two.known_hosts.unlink()
        sshd.trust(two.known_hosts, two.port, rsa)
        with SshTransport(spec_of(two)) as transport:
            assert transport.run(["true"], 30).returncode == 0


# Reaching it


def test_nobody_listening_is_unreachable(server: Sshd) -> None:
    with held_port() as port, pytest.raises(Unreachable, match="refused"), SshTransport(spec_of(server, port=port)):
        pass


def test_a_name_that_does_not_resolve_is_unreachable(server: Sshd) -> None:
    with pytest.raises(Unreachable), SshTransport(spec_of(server, host="no-such-host.invalid")):
        pass


def test_a_port_that_never_greets_is_unreachable_in_time(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgerig.devices.ssh.link.CONNECT_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with pytest.raises(Unreachable), SshTransport(spec_of(server, port=silent.getsockname()[1])):
            pass
        assert time.monotonic() - begin < 15


def test_a_port_that_talks_something_else_is_unreachable(server: Sshd) -> None:
    def answer(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            link, _ = listener.accept()
            link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            link.close()

    with socket.create_server(("127.0.0.1", 0)) as web:
        threading.Thread(target=answer, args=(web,), daemon=True).start()
        with pytest.raises(Unreachable), SshTransport(spec_of(server, port=web.getsockname()[1])):
            pass


def test_a_refused_login_says_what_was_tried(server: Sshd, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    sshd.make_key(stranger)
    with pytest.raises(LoginRefused, match="refused the login") as caught, SshTransport(spec_of(server, key=stranger)):
        pass
    assert str(stranger) in caught.value.message
    assert "ssh-copy-id" in caught.value.hint


def test_a_server_that_hangs_up_at_the_login_may_only_be_starting(tmp_path: Path, home: Path) -> None:
    """As pam_nologin(8) has it do until the system is up. Here it takes one try and no second."""
    with sshd.running(tmp_path / "sshd", "MaxAuthTries=1") as curt:
        stranger = tmp_path / "stranger"
        sshd.make_key(stranger)
        with pytest.raises(Unreachable, match="refused the login"), SshTransport(spec_of(curt, key=stranger)):
            pass


def test_an_encrypted_key_says_how_to_unlock_it(server: Sshd, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    os.system(f"ssh-keygen -q -t ed25519 -N secret -f {locked}")
    with pytest.raises(LoginRefused, match="ssh-add"), SshTransport(spec_of(server, key=locked)):
        pass


def test_a_fido_key_is_noted_and_the_next_one_tried(server: Sshd, home: Path, tmp_path: Path) -> None:
    """A file as `ssh-keygen -t ed25519-sk` writes it (OpenSSH's PROTOCOL.key, PROTOCOL.u2f); ssh-keygen reads it."""
    hardware = tmp_path / "id_ed25519_sk"
    write_fido_key(hardware)
    shown = subprocess.run(["ssh-keygen", "-lf", hardware], capture_output=True, text=True, check=True).stdout
    assert "ED25519-SK" in shown
    with pytest.raises(DeviceError, match=f"{hardware} .*sk-ssh-ed25519"), SshTransport(spec_of(server, key=hardware)):
        pass
    (home / ".ssh" / "config").write_text(
        f"Host 127.0.0.1\n  IdentityFile {hardware}\n  IdentityFile {server.client_key}\n"
    )
    with SshTransport(spec_of(server, key=None)) as transport:
        assert transport.run(["true"], 30).returncode == 0


def write_fido_key(path: Path) -> None:
    def string(content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + content

    public = string(b"sk-ssh-ed25519@openssh.com") + string(os.urandom(32)) + string(b"ssh:")
    private = struct.pack(">II", 7, 7) + public + b"\x01" + string(os.urandom(64)) + string(b"") + string(b"")
    private += bytes(range(1, 1 + -len(private) % 8))
    blob = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + struct.pack(">I", 1)
    text = base64.encodebytes(blob + string(public) + string(private)).decode()
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
    path.chmod(0o600)


def test_a_key_of_the_agent_is_used(server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    socket_path = tmp_path / "agent"
    pid = os.popen(f"ssh-agent -a {socket_path} -s").read().split("SSH_AGENT_PID=")[1].split(";")[0]
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
        assert os.system(f"ssh-add -q {server.client_key}") == 0
        with SshTransport(spec_of(server, key=None)) as transport:
            assert transport.run(["true"], 30).returncode == 0
    finally:
        os.kill(int(pid), 15)


def test_the_openssh_configuration_is_honoured(server: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".ssh" / "config").write_text(
        f"Host board-alias\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {server.client_key}\n  UserKnownHostsFile {server.known_hosts}\n"
    )
    with SshTransport(SshDevice(name="b", kind="ssh", host="board-alias", workdir="/nonexistent")) as transport:
        assert transport.run(["id", "-un"], 30).stdout.decode().strip() == getpass.getuser()


def test_a_proxy_command_carries_the_link_and_ends_with_it(server: Sshd, home: Path, tmp_path: Path) -> None:
    use_relay(home, tmp_path)
    with SshTransport(spec_of(server)) as transport:
        assert transport.run(["echo", "through"], 30).stdout == b"through\n"
        pid = int((tmp_path / "relay.pid").read_text())
        assert running(pid)
    wait_for(lambda: not running(pid))


def test_a_jump_host_is_gone_through_and_its_key_enforced(server: Sshd, tmp_path: Path) -> None:
    with sshd.running(tmp_path / "jump") as jump:
        through = spec_of(server, proxy_jump=f"{jump.user}@127.0.0.1:{jump.port}")
        with pytest.raises(HostKeyUnknown, match=str(jump.port)), SshTransport(through):
            pass
        sshd.trust(server.known_hosts, jump.port, jump.host_key)
        with pytest.raises(LoginRefused, match=f":{jump.port} refused the login"), SshTransport(through):
            pass
        with (jump.folder / "authorized_keys").open("a") as file:
            file.write(Path(f"{server.client_key}.pub").read_text())
        with SshTransport(through) as transport:
            assert transport.run(["echo", "far"], 30).stdout == b"far\n"
        assert "Accepted publickey" in (jump.folder / "sshd.log").read_text()
        with held_port() as port:
            dead = spec_of(server, port=port, proxy_jump=f"{jump.user}@127.0.0.1:{jump.port}")
            with pytest.raises(Unreachable, match="through"), SshTransport(dead):
                pass


def hinted(error: EdgerigError) -> list[str]:
    """The command lines a hint gives; they must ask nobody, so there is no terminal."""
    return re.findall("`(ssh.*?)`", error.hint)


def by_hand(command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, start_new_session=True
    )


def test_the_commands_of_a_refused_login_go_the_configured_way(server: Sshd, tmp_path: Path) -> None:
    """Through the jump host, with the device file's own key and known_hosts; once the login is put right they work."""
    allowed = server.folder / "authorized_keys"
    kept = allowed.read_text()
    allowed.write_text("")
    with jumping(server, tmp_path) as jump:
        known = tmp_path / "known hosts"
        known.write_text(server.known_hosts.read_text())
        spec = spec_of(server, proxy_jump=f"{jump.user}@127.0.0.1:{jump.port}", known_hosts=known)
        with pytest.raises(LoginRefused, match="refused the login") as caught, SshTransport(spec):
            pass
        ssh, copy_id = hinted(caught.value)
        assert by_hand(ssh).returncode == 255
        allowed.write_text(kept)
        logins = (jump.folder / "sshd.log").read_text().count("Accepted publickey")
        for command in (ssh, copy_id):
            done = by_hand(command)
            assert done.returncode == 0, (command, done.stderr.decode())
        assert (jump.folder / "sshd.log").read_text().count("Accepted publickey") > logins


def test_the_command_for_a_server_that_does_not_answer_goes_the_configured_way(server: Sshd) -> None:
    server.kill()
    with pytest.raises(Unreachable) as caught, SshTransport(spec_of(server)):
        pass
    [ssh] = hinted(caught.value)
    assert ssh.startswith("ssh -v ") and by_hand(ssh).returncode == 255
    server.start()
    assert by_hand(ssh).returncode == 0


def test_jump_hosts_that_lead_back_to_themselves_are_a_config_error(server: Sshd, home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(ConfigError, match="jump hosts"), SshTransport(spec_of(server, host="a")):
        pass
