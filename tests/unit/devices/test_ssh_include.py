"""`Include` in OpenSSH's configuration: what paramiko makes of the expanded text is what `ssh -G` says of the original.

`ssh` judges absolute names alone: relative ones and `~` it looks up in the home the password file says.
"""

import subprocess
from pathlib import Path

import paramiko
import pytest
from needs import program

from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.ssh.config import endpoint_of
from edgerig.devices.ssh.include import DEEPEST, expanded
from edgerig.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("edgerig.devices.ssh.config.SYSTEM_CONFIG", tmp_path / "system")
    (tmp_path / ".ssh" / "conf.d").mkdir(parents=True)
    return tmp_path


def write(home: Path, **files: str) -> Path:
    """`config` is ~/.ssh/config, the others stand in ~/.ssh/conf.d; `@` is that folder."""
    folder = home / ".ssh" / "conf.d"
    for name, text in files.items():
        (home / ".ssh" / name if name == "config" else folder / name).write_text(text.replace("@", str(folder)))
    return home / ".ssh" / "config"


def looked_up(path: Path, host: str) -> tuple[str, str]:
    config = paramiko.SSHConfig()
    config.parse(expanded(path))
    found = config.lookup(host)
    return str(found["hostname"]), str(found.get("port", 22))


def told_by_ssh(path: Path, host: str) -> tuple[str, str]:
    ssh = program("ssh", "openssh-client")
    done = subprocess.run([ssh, "-G", "-F", str(path), host], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    return found["hostname"], found["port"]


CASES = {
    "at the top": {"config": "Include @/one\nHost *\n Port 99\n", "one": "Host a\n HostName 10.0.0.1\n"},
    "what follows it stays in its block": {
        "config": "Host a\n Include @/one\n Port 22022\nHost b\n Port 3\n",
        "one": "Host *\n HostName 10.0.0.1\n",
    },
    "inside a block it counts there only": {
        "config": "Host a\n Include @/one\nHost *\n Port 5\n",
        "one": "Port 7\nHost b\n HostName 10.0.0.2\nHost *\n HostName 10.0.0.3\n",
    },
    "an excluded host": {"config": "Host * !b\n Include @/one\n", "one": "Host a b\n Port 8\nHost *\n Port 9\n"},
    "inside a Match": {
        "config": 'Match originalhost "a,c"\n Include @/one\n Port 4\n',
        "one": "Match host c\n Port 6\nMatch all\n HostName 10.0.0.4\n",
    },
    "inside Match all": {"config": "Match all\n Include @/one\n Port 4\n", "one": "Host b\n Port 6\n"},
    "nested, each within the one around it": {
        "config": "Host a b\n Include @/one\nHost *\n Port 1\n",
        "one": "Host b c\n Include @/two\nHost a\n Port 2\n",
        "two": "Host *\n Port 3\n HostName 10.0.0.9\n",
    },
    "several, in their order, none missed": {
        "config": "Include @/nothing* @/p?\nInclude @/missing\n",
        "p2": "Host *\n Port 2\n",
        "p1": "Host a\n Port 1\n",
    },
    "other ways of writing it": {
        "config": '  include="@/one"  \n# Include @/two\nHost=b\n\tINCLUDE @/two # why\n',
        "one": "Host a\nPort=11\n",
        "two": "Port 12\n",
    },
}


@pytest.mark.parametrize("host", ["a", "b", "c"])
@pytest.mark.parametrize("files", CASES.values(), ids=CASES.keys())
def test_what_is_included_counts_as_for_ssh(home: Path, files: dict[str, str], host: str) -> None:
    path = write(home, **files)
    assert looked_up(path, host) == told_by_ssh(path, host)


@pytest.mark.parametrize(
    "line", ["Include conf.d/one", "Include ~/.ssh/conf.d/one", "Include conf.d/*", "Include @/one"]
)
def test_names_are_looked_up_beside_the_configuration(home: Path, line: str) -> None:
    write(home, config=f"{line}\n", one="Host board\n HostName 10.0.0.5\n User pi\n")
    found = endpoint_of(SshDevice(name="d", kind="ssh", host="board"))
    assert (found.host, found.user) == ("10.0.0.5", "pi")


def test_a_file_that_includes_itself_is_a_config_error(home: Path) -> None:
    write(home, config="Include config\n")
    with pytest.raises(ConfigError, match=f"more than {DEEPEST} files deep"):
        endpoint_of(SshDevice(name="d", kind="ssh", host="board"))


def test_as_deep_as_ssh_goes(home: Path) -> None:
    chain = {f"f{number}": f"Include @/f{number + 1}\n" for number in range(1, DEEPEST)}
    path = write(home, config="Include @/f1\n", **chain, **{f"f{DEEPEST}": "Host a\n Port 77\n"})
    assert looked_up(path, "a") == told_by_ssh(path, "a") == ("a", "77")


@pytest.mark.parametrize("line", ['Include "open', "Include"])
def test_a_line_that_cannot_be_read_is_a_config_error(home: Path, line: str) -> None:
    write(home, config=f"{line}\n")
    with pytest.raises(ConfigError, match="config"):
        endpoint_of(SshDevice(name="d", kind="ssh", host="board"))
