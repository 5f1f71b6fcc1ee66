"""Where an SSH device is and how one logs in there: the device file first, then OpenSSH's own configuration.

Of `~/.ssh/config` and `/etc/ssh/ssh_config` these are honoured: Host, Match, HostName, Port, User, IdentityFile,
IdentitiesOnly, ProxyJump, ProxyCommand, UserKnownHostsFile, HostKeyAlias. `Include` is not followed.
StrictHostKeyChecking is not honoured: host keys are always enforced.
"""

from __future__ import annotations

import getpass
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko

from edgerig.errors import ConfigError
from edgerig.spec import SshDevice, split_ssh_address

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
MAX_JUMPS = 5


@dataclass(frozen=True)
class Endpoint:
    """A server to log in to. `keys` are offered in order, before the agent's unless `only_keys`.

    `known_as` is its name in `known_hosts`, the files host keys are looked up in (the first is the user's to add to).
    `jump` is the server it is reached through, `proxy_command` the program whose streams are the link.
    """

    host: str
    port: int
    user: str
    known_as: str
    known_hosts: tuple[Path, ...]
    keys: tuple[Path, ...] = ()
    only_keys: bool = False
    jump: Endpoint | None = None
    proxy_command: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"


def endpoint_of(spec: SshDevice) -> Endpoint:
    """The device's endpoint. Raises ConfigError for an OpenSSH configuration that cannot be read."""
    return _resolve(
        spec.host,
        port=spec.port,
        user=spec.user,
        key=spec.key,
        known_hosts=spec.known_hosts,
        jump=spec.proxy_jump,
        depth=0,
    )


def _read_config(name: str, port: int | None, user: str | None) -> paramiko.SSHConfig:
    """What is asked for, the user's and the system's client configuration as one; earlier lines win, as in OpenSSH."""
    asked = f"Host {name}\n" + (f"Port {port}\n" if port else "") + (f"User {user}\n" if user else "")
    config = paramiko.SSHConfig.from_text(asked)
    for path in (Path.home() / ".ssh" / "config", SYSTEM_CONFIG):
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                config.parse(file)
        except FileNotFoundError:
            continue
        except (OSError, paramiko.SSHException) as error:
            raise ConfigError(f"{path}: cannot be read: {error}", hint="mend the file, ssh reads it too") from error
    return config


def _resolve(
    name: str,
    *,
    port: int | None,
    user: str | None,
    key: Path | None,
    known_hosts: Path | None,
    jump: str | None,
    depth: int,
) -> Endpoint:
    if depth > MAX_JUMPS:
        raise ConfigError(f"{name}: more than {MAX_JUMPS} jump hosts", hint="does a ProxyJump lead back to itself?")
    config = _read_config(name, port, user)
    try:
        found = config.lookup(name)
        host, port = str(found.get("hostname", name)), int(found.get("port", 22))
    except Exception as error:  # Match exec without its library, tokens, a port that is no number
        raise ConfigError(
            f"the SSH configuration for {name} cannot be used: {error}", hint=f"look at what `ssh -G {name}` says"
        ) from error
    jump = found.get("proxyjump") if jump is None else jump
    through = None if jump is None or jump.lower() == "none" else _jump(jump, key, known_hosts, depth)
    command = found.get("proxycommand") if through is None else None
    configured_keys = tuple(Path(path).expanduser() for path in found.get("identityfile", ()))
    default_keys = tuple(Path.home() / ".ssh" / file for file in DEFAULT_KEYS)
    return Endpoint(
        host=host,
        port=port,
        user=found.get("user") or getpass.getuser(),
        known_as=found.get("hostkeyalias") or (host.lower() if port == 22 else f"[{host.lower()}]:{port}"),
        known_hosts=_known_hosts(known_hosts, found.get("userknownhostsfile")),
        keys=(key.expanduser(),) if key is not None else configured_keys or default_keys,
        only_keys=key is not None or found.get("identitiesonly", "no").lower() == "yes",
        jump=through,
        proxy_command=tuple(shlex.split(command)) if command else (),
    )


def _jump(chain: str, key: Path | None, known_hosts: Path | None, depth: int) -> Endpoint:
    """The last host of `a,b,…`, itself reached through those before it; each may have its own entry in the config.

    The device's own key and known_hosts file serve there too, after (not instead of) what is configured.
    """
    before, _, last = chain.rpartition(",")
    user, host, port = split_ssh_address(last.strip().removeprefix("ssh://"))
    found = _resolve(
        host,
        port=port,
        user=user,
        key=None,
        known_hosts=None,
        jump=before or None,
        depth=depth + 1 + before.count(","),
    )
    return replace(
        found,
        keys=found.keys if key is None else (*found.keys, key.expanduser()),
        known_hosts=found.known_hosts if known_hosts is None else (known_hosts.expanduser(), *found.known_hosts),
    )


def _known_hosts(own: Path | None, configured: str | None) -> tuple[Path, ...]:
    if own is not None:
        return (own.expanduser(),)
    if configured is not None and configured.lower() != "none":
        return (*(Path(part).expanduser() for part in shlex.split(configured)), SYSTEM_KNOWN_HOSTS)
    ssh = Path.home() / ".ssh"
    return ssh / "known_hosts", ssh / "known_hosts2", SYSTEM_KNOWN_HOSTS
