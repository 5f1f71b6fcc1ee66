"""Devices: a file under `devices/`, or an address on the command line."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edgerig.errors import ConfigError
from edgerig.spec.toml import Name, Strict, first_wins, nearest, parse, read_toml, roots, shown, unknown

TCP_ADDRESS = r"^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5}$"
"""`host:port`, an IPv6 host in brackets."""


class Device(Strict):
    """What every device file may say."""

    name: Name
    description: str = ""
    emulated: bool = False
    """Whether its clock says nothing of the hardware it stands for: its latency is then never ranked or gated."""


class LocalDevice(Device):
    """This machine, with this Python and the runtimes installed in it."""

    kind: Literal["local"]


class SshDevice(Device):
    """A machine reached over SSH. What is not said here comes from `~/.ssh/config`; secrets are never said here.

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
    runtime: Literal["bundle", "system"] = "bundle"
    """`bundle` brings Python and the runtimes along; `system` uses what `python` on the device has."""
    python: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = "python3"
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=1024)] = "/var/tmp/edgerig"  # noqa: S108

    @model_validator(mode="after")
    def _whole_paths(self) -> Self:
        for key in ("key", "known_hosts"):
            path = getattr(self, key)
            if path is not None and not path.is_absolute() and path.parts[:1] != ("~",):
                raise ValueError(f'"{key}" must be an absolute path or start with "~/", not {str(path)!r}')
        return self


class AdbDevice(Device):
    """A phone, board or machine reached over adb, through the host's adb server.

    `serial` is what `adb devices` calls it; None: the one at `connect`, else the only one there is.
    """

    kind: Literal["adb"]
    serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\[][\x21-\x7e]*$", max_length=255)] | None = None
    connect: Annotated[str, StringConstraints(pattern=TCP_ADDRESS, max_length=255)] | None = None
    """`host:port` the adb server connects to first, for a device in the network."""
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=512)] = (
        "/data/local/tmp/edgerig"
    )
    runtime: Literal["bundle"] = "bundle"
    """Python and the runtimes are brought along: Android has none."""


class QemuUserDevice(Device):
    """An arm64 processor emulated for the runner alone (QEMU's user mode), with this machine's kernel below it."""

    kind: Literal["qemu-user"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76", "max"]
    """A processor QEMU knows; `max` has every feature QEMU can emulate."""
    emulated: Literal[True] = True


class QemuSystemDevice(Device):
    """A whole arm64 machine emulated by QEMU: its own kernel, Debian and sshd, started for the device's jobs and gone
    with them. QEMU 7.1 and newer have these CPUs."""

    kind: Literal["qemu-system"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76"]
    memory_mib: Annotated[int, Field(ge=256, le=65536)] = 1024
    cores: Annotated[int, Field(ge=1, le=8)] = 1
    boot_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """How long the machine may take until its sshd answers; 2 to 4 s on an idle workstation."""
    emulated: Literal[True] = True


DeviceSpec = Annotated[
    LocalDevice | SshDevice | AdbDevice | QemuUserDevice | QemuSystemDevice, Field(discriminator="kind")
]
"""A place to run; `kind` names the transport that reaches it."""
DEVICE_KINDS: dict[
    str, type[LocalDevice] | type[SshDevice] | type[AdbDevice] | type[QemuUserDevice] | type[QemuSystemDevice]
] = {
    "local": LocalDevice,
    "ssh": SshDevice,
    "adb": AdbDevice,
    "qemu-user": QemuUserDevice,
    "qemu-system": QemuSystemDevice,
}


def known_devices() -> dict[str, Path]:
    """Device name → its TOML; `*.example.toml` are templates to copy, not devices."""
    found = (p for root in roots("devices") for p in sorted(root.glob("*.toml")) if ".example" not in p.name)
    return first_wins((p.stem, p) for p in found)


def load_device(name: str) -> DeviceSpec:
    """The device `name`: a device file's, or an address (`ssh://user@host:port`, `adb:SERIAL`). Raises ConfigError."""
    if name.startswith("ssh://"):
        return _ssh_address(name)
    if name.startswith(("adb:", "android:")):
        return _adb_address(name)
    known = known_devices()
    if name not in known:
        raise unknown("device", name, known)
    origin, table = str(known[name]), read_toml(known[name])
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in DEVICE_KINDS:
        hint = nearest(kind if isinstance(kind, str) else "", DEVICE_KINDS)
        raise ConfigError(f'{origin}: key "kind": unknown kind {shown(kind)}', hint=hint)
    return parse(DEVICE_KINDS[kind], {"name": name, **table}, origin)


def _ssh_address(address: str) -> SshDevice:
    """The device at `ssh://[user@]host[:port]`; its name is made of them, safe in a path and in a cell's id."""
    user, host, port = split_ssh_address(address.removeprefix("ssh://"))
    parts = [part for part in (user, host, None if port is None else str(port)) if part is not None]
    readable = "_".join(re.sub(r"[^A-Za-z0-9.-]", "-", part) for part in parts)
    if readable != "_".join(parts) or len(readable) > 60 or any("_" in part for part in parts):
        # Two addresses must never share a name: what was replaced or cut is told apart by a digest.
        readable = f"{readable[:60]}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    table = {"name": f"ssh_{readable}", "kind": "ssh", "host": host, "port": port, "user": user}
    return parse(SshDevice, table, address)


def _adb_address(address: str) -> AdbDevice:
    """The device `adb:SERIAL` (or `android:SERIAL`); a serial that is a `host:port` is connected to first."""
    serial = address.partition(":")[2]
    readable = re.sub(r"[^A-Za-z0-9.-]", "-", serial)
    if readable != serial or len(readable) > 60:
        readable = f"{readable[:60]}-{hashlib.sha256(serial.encode()).hexdigest()[:8]}"
    table = {"name": f"adb_{readable}", "kind": "adb", "serial": serial}
    if re.match(TCP_ADDRESS, serial):
        table["connect"] = serial
    return parse(AdbDevice, table, address)


def split_ssh_address(address: str) -> tuple[str | None, str, int | None]:
    """User, host and port of `[user@]host[:port]`, an IPv6 host in brackets. Raises ConfigError."""
    found = re.fullmatch(r"(?:([^@:/]+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^@:/\s\[\]]+)(?::(\d{1,5}))?/?", address)
    if found is None or (found[3] is not None and not 0 < int(found[3]) < 65536):
        shown = re.sub(r":[^@/]*@", ":…@", address)  # somebody may have put a password there
        raise ConfigError(
            f'"{shown}" is not an SSH address',
            hint="ssh://user@host:port; no password in it: use a key, the agent, or EDGERIG_SSH_PASSWORD",
        )
    return found[1], found[2].strip("[]"), None if found[3] is None else int(found[3])
