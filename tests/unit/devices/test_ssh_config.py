"""Where a device is: its file, the address on the command line, and OpenSSH's configuration below both."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgerig.devices.kinds.ssh import SshDevice, split_ssh_address
from edgerig.devices.ssh.config import endpoint_of
from edgerig.errors import ConfigError
from edgerig.spec import load_device, parse


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("edgerig.devices.ssh.config.SYSTEM_CONFIG", tmp_path / "system")
    (tmp_path / ".ssh").mkdir()

    def write(text: str) -> None:
        (tmp_path / ".ssh" / "config").write_text(text)

    return write


def device(**table: object) -> SshDevice:
    return parse(SshDevice, {"name": "d", "kind": "ssh", "host": "board", **table}, "d.toml")


def test_without_any_configuration_the_defaults_are_sshs(config: Callable[[str], None], tmp_path: Path) -> None:
    found = endpoint_of(device(user="pi"))
    assert (found.host, found.port, found.user, found.known_as) == ("board", 22, "pi", "board")
    assert found.known_hosts[0] == tmp_path / ".ssh" / "known_hosts"
    assert found.keys[0] == tmp_path / ".ssh" / "id_ed25519"
    assert not found.only_keys and found.jump is None and found.proxy_command == ()


def test_the_configuration_fills_what_the_device_file_leaves_open(
    config: Callable[[str], None], tmp_path: Path
) -> None:
    config(
        "Host board\n HostName 10.0.0.5\n Port 2222\n User pi\n IdentityFile ~/k1\n IdentityFile /k2\n"
        " IdentitiesOnly yes\n UserKnownHostsFile ~/kh1 /kh2\n"
    )
    found = endpoint_of(device())
    assert (found.host, found.port, found.user) == ("10.0.0.5", 2222, "pi")
    assert found.known_as == "[10.0.0.5]:2222"
    assert found.keys == (tmp_path / "k1", Path("/k2")) and found.only_keys
    assert found.known_hosts[:2] == (tmp_path / "kh1", Path("/kh2"))


def test_the_device_file_wins(config: Callable[[str], None], tmp_path: Path) -> None:
    config("Host board\n HostName 10.0.0.5\n Port 2222\n User pi\n IdentityFile ~/k1\n UserKnownHostsFile ~/kh1\n")
    found = endpoint_of(device(port=22, user="me", key="~/own", known_hosts="~/own_hosts"))
    assert (found.host, found.port, found.user, found.known_as) == ("10.0.0.5", 22, "me", "10.0.0.5")
    assert found.keys == (tmp_path / "own",) and found.only_keys
    assert found.known_hosts == (tmp_path / "own_hosts",)


def test_an_alias_for_the_host_key_is_honoured(config: Callable[[str], None]) -> None:
    config("Host board\n HostKeyAlias the-board\n")
    assert endpoint_of(device(port=2222)).known_as == "the-board"


def test_a_proxy_command_gets_what_was_asked_for(config: Callable[[str], None]) -> None:
    config("Host *\n HostName 10.0.0.5\n ProxyCommand relay '%h' %p %r\n")
    assert endpoint_of(device(port=2022, user="me")).proxy_command == ("relay", "10.0.0.5", "2022", "me")


def test_jump_hosts_are_chained_in_order(config: Callable[[str], None]) -> None:
    config("Host gate\n HostName 192.0.2.1\n User porter\n")
    found = endpoint_of(device(proxy_jump="gate,me@inner:2200"))
    assert found.jump is not None and found.jump.jump is not None
    assert (found.jump.host, found.jump.port, found.jump.user) == ("inner", 2200, "me")
    assert (found.jump.jump.host, found.jump.jump.user, found.jump.jump.jump) == ("192.0.2.1", "porter", None)


def test_a_configured_jump_can_be_switched_off(config: Callable[[str], None]) -> None:
    config("Host board\n ProxyJump gate\n")
    configured = endpoint_of(device()).jump
    assert configured is not None and configured.host == "gate"
    assert endpoint_of(device(proxy_jump="none")).jump is None


def test_none_switches_a_proxy_command_off_too(config: Callable[[str], None]) -> None:
    config("Host board\n ProxyCommand relay %h\n")
    assert endpoint_of(device()).proxy_command == ("relay", "board")
    assert endpoint_of(device(proxy_jump="none")).proxy_command == ()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, "ssh board"),
        ({"user": "pi", "port": 2222}, "ssh -p 2222 pi@board"),
        ({"key": "/k"}, "ssh -i /k -o IdentitiesOnly=yes board"),
        ({"known_hosts": "/a b"}, "ssh -o 'UserKnownHostsFile=\"/a b\"' board"),
        ({"proxy_jump": "me@gate:22,inner"}, "ssh -o ProxyJump=me@gate:22,inner board"),
        ({"proxy_jump": "none"}, "ssh -o ProxyJump=none board"),
        (
            {"proxy_jump": "me@gate:24", "key": "/k"},
            "ssh -i /k -o IdentitiesOnly=yes "
            + shlex.join(["-o", "ProxyCommand=ssh -p 24 -i /k me@gate -W '[%h]:%p'", "board"]),
        ),
    ],
)
def test_the_way_by_hand_is_the_alias_and_what_the_device_file_says(
    config: Callable[[str], None], table: dict[str, Any], expected: str
) -> None:
    config("Host board\n HostName 10.0.0.5\n Port 2022\n")
    assert endpoint_of(device(**table)).by_hand("ssh") == expected


@pytest.mark.parametrize("text", ["Host board\n Port many\n", "nonsense\n", "Host board\n ProxyJump board\n"])
def test_a_configuration_that_cannot_be_used_is_a_config_error(config: Callable[[str], None], text: str) -> None:
    config(text)
    with pytest.raises(ConfigError):
        endpoint_of(device())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("board", (None, "board", None)),
        ("pi@board", ("pi", "board", None)),
        ("pi@board:2222", ("pi", "board", 2222)),
        ("pi@[::1]:22", ("pi", "::1", 22)),
        ("board/", (None, "board", None)),
    ],
)
def test_addresses(address: str, expected: tuple[str | None, str, int | None]) -> None:
    assert split_ssh_address(address) == expected


@pytest.mark.parametrize(
    "address", ["", "pi@", "pi:secret@board", "board:0", "board:99999", "board/path", "a@b@c", "::1"]
)
def test_what_is_no_address_is_refused_without_repeating_a_password(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_ssh_address(address)
    assert "secret" not in caught.value.message


def test_an_address_is_a_device_with_a_name_of_its_own() -> None:
    addresses = [
        "ssh://pi@board:2222",
        "ssh://board",
        "ssh://pi@board",
        "ssh://a_b@c",
        "ssh://a@b_c",
        "ssh://u@[::1]:22",
    ]
    devices = [load_device(address) for address in addresses]
    assert devices[0].name == "ssh_pi_board_2222"
    assert len({found.name for found in devices}) == len(addresses)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"port": 0},
        {"user": "-l"},
        {"key": "relative/key"},
        {"workdir": "relative"},
        {"workdir": "/with\nnewline"},
        {"runtime": "docker"},
        {"password": "secret"},
    ],
)
def test_a_wrong_device_file_is_a_config_error_that_names_the_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        device(**wrong)
