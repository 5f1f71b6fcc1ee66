"""Where an SSH device is and how one logs in there: the device file first, then OpenSSH's own configuration.

Of `~/.ssh/config` and `/etc/ssh/ssh_config` these are honoured: Host, Match, Include, HostName, Port, User,
IdentityFile, IdentitiesOnly, ProxyJump, ProxyCommand, UserKnownHostsFile, HostKeyAlias.
StrictHostKeyChecking is not honoured: host keys are always enforced.
"""

from __future__ import annotations

import getpass
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko

from edgerig.devices.kinds.ssh import SshDevice, split_ssh_address
from edgerig.devices.ssh.include import expanded
from edgerig.errors import ConfigError

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
MAX_JUMPS = 5


@dataclass(frozen=True)
class Endpoint:
    """A server to log in to. `keys` are offered in order, before the agent's unless `only_keys`.

    `known_as` is its name in `known_hosts`, the files host keys are looked up in (the first is the user's to add to).
    `jump` is the server it is reached through, `proxy_command` the program whose streams are the link. `name` is what
    OpenSSH's configuration knows it as, `options` are what `ssh` must be told besides to take the same way.
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
    name: str = ""
    options: tuple[str, ...] = ()

    def by_hand(self, program: str, *flags: str) -> str:
        """The command line by which `program`, `ssh` or one that takes its options, gets there."""
        return shlex.join([program, *flags, *self.options, self.name])

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
            config.parse(expanded(path))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise ConfigError(f"{path}: cannot be read: {error}", hint="correct the file, ssh reads it too") from error
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
    options = [*(["-p", str(port)] if port else []), *_identity(key, only=True), *_trusting(known_hosts)]
    destination = f"{user}@{name}" if user else name
    config = _read_config(name, port, user)
    try:
        found = config.lookup(name)
        host, port = str(found.get("hostname", name)), int(found.get("port", 22))
    except Exception as error:  # Match exec without its library, tokens, a port that is no number
        raise ConfigError(
            f"the SSH configuration for {name} cannot be used: {error}", hint=f"look at what `ssh -G {name}` says"
        ) from error
    chain = found.get("proxyjump") if jump is None else jump
    through = None if chain is None or chain.lower() == "none" else _jump(chain, key, known_hosts, depth)
    if through is not None and (key or known_hosts):
        options += ["-o", f"ProxyCommand={_relay(through)}"]
    elif jump is not None:
        options += ["-o", f"ProxyJump={jump}"]
    command = found.get("proxycommand") if chain is None else None
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
        name=destination,
        options=tuple(options),
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
    if key is not None:
        found = replace(
            found, keys=(*found.keys, key.expanduser()), options=(*found.options, *_identity(key, only=False))
        )
    if known_hosts is not None:
        files = (known_hosts.expanduser(), *found.known_hosts)
        found = replace(found, known_hosts=files, options=(*found.options, *_trusting(*files)))
    return found


def _identity(key: Path | None, *, only: bool) -> list[str]:
    if key is None:
        return []
    return ["-i", str(key.expanduser()), *(["-o", "IdentitiesOnly=yes"] if only else [])]


def _trusting(*files: Path | None) -> list[str]:
    # Quoted for ssh itself, to which a space begins the next file.
    named = " ".join(f'"{file.expanduser()}"' for file in files if file is not None)
    return ["-o", f"UserKnownHostsFile={named}"] if named else []


def _relay(jump: Endpoint) -> str:
    """ProxyJump as a ProxyCommand: `ssh` passes neither a key nor a known_hosts file it was told on to a jump host."""
    return shlex.join(["ssh", *jump.options, jump.name]).replace("%", "%%") + " -W '[%h]:%p'"


def _known_hosts(own: Path | None, configured: str | None) -> tuple[Path, ...]:
    if own is not None:
        return (own.expanduser(),)
    if configured is not None and configured.lower() != "none":
        return (*(Path(part).expanduser() for part in shlex.split(configured)), SYSTEM_KNOWN_HOSTS)
    ssh = Path.home() / ".ssh"
    return ssh / "known_hosts", ssh / "known_hosts2", SYSTEM_KNOWN_HOSTS
