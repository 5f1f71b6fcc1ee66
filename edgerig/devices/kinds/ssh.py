"""A machine reached over SSH: a file's keys, and the address `ssh://[user@]host[:port]`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edgerig.errors import ConfigError
from edgerig.spec import DeviceKind, RemoteDevice, name_of_address, parse


class SshDevice(RemoteDevice):
    """What is not said here comes from `~/.ssh/config`; secrets are never said here.

    Keys are files or the agent's; a password is asked for, or taken from EDGERIG_SSH_PASSWORD.
    """

    kind: Literal["ssh"]
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$", max_length=255)]
    """A name, an address, or a `Host` of `~/.ssh/config`."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: as configured for the host, else 22."""
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@$-]*$", max_length=64)] | None = None
    """None: as configured for the host, else the name you go by here."""
    key: Path | None = None
    """The private key to log in with; None: the configured ones, the agent's, then the usual files."""
    known_hosts: Path | None = None
    """Where the device's host key stands; None: the usual files."""
    proxy_jump: str | None = None
    """`user@host:port` to go through, several separated by commas; None: as configured, "none": straight."""
    runtime: Literal["wheels", "bundle", "system"] | None = None
    """`wheels` brings the runtimes for the device's own `python`, `bundle` a Python and a C library too; `system` uses
    what `python` there has. None: wheels where its Python is one they are made for, else a bundle."""
    python: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = "python3"
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=1024)] = "/var/tmp/edgerig"  # noqa: S108

    @property
    def address(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"ssh://{user}{self.host}" + (f":{self.port}" if self.port else "")

    @property
    def own_python(self) -> tuple[str, ...]:
        return (self.python, "-I") if self.runtime == "system" else ()

    @property
    def wheels(self) -> Literal["always", "where possible", "never"]:
        if self.runtime is None:
            return "where possible"
        return "always" if self.runtime == "wheels" else "never"

    @property
    def wheel_python(self) -> str:
        return self.python

    @model_validator(mode="after")
    def _whole_paths(self) -> Self:
        for key in ("key", "known_hosts"):
            path = getattr(self, key)
            if path is not None and not path.is_absolute() and path.parts[:1] != ("~",):
                raise ValueError(f'"{key}" must be an absolute path or start with "~/", not {str(path)!r}')
        return self


def addressed(address: str) -> SshDevice:
    """The device at `ssh://[user@]host[:port]`. Raises ConfigError."""
    if not address.startswith("ssh://"):
        raise _refused(address)
    user, host, port = split_ssh_address(address.removeprefix("ssh://"))
    parts = [part for part in (user, host, None if port is None else str(port)) if part is not None]
    name = name_of_address("ssh", address, parts)
    return parse(SshDevice, {"name": name, "kind": "ssh", "host": host, "port": port, "user": user}, address)


def split_ssh_address(address: str) -> tuple[str | None, str, int | None]:
    """User, host and port of `[user@]host[:port]`, an IPv6 host in brackets. Raises ConfigError."""
    found = re.fullmatch(r"(?:([^@:/]+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^@:/\s\[\]]+)(?::(\d{1,5}))?/?", address)
    if found is None or (found[3] is not None and not 0 < int(found[3]) < 65536):
        raise _refused(address)
    return found[1], found[2].strip("[]"), None if found[3] is None else int(found[3])


def _refused(address: str) -> ConfigError:
    shown = re.sub(r":[^@/]*@", ":…@", address)  # somebody may have put a password there
    return ConfigError(
        f'"{shown}" is not an SSH address',
        hint="ssh://user@host:port; no password in it: use a key, the agent, or EDGERIG_SSH_PASSWORD",
    )


KIND = DeviceKind(
    spec=SshDevice,
    opens="edgerig.devices.ssh:open_ssh",
    transport="edgerig.devices.ssh:SshTransport",
    prepares="edgerig.devices.ssh:with_own_python",
    addressed=addressed,
    no_bundle='a 64-bit system there, or runtime = "system" in the device file',
)
