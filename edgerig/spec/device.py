"""Devices: a file under `devices/`, or an address on the command line. What a kind of device is, its own module says
(`edgerig/devices/kinds/`), found through the table `device_kinds.KINDS`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, SerializeAsAny, StringConstraints

from edgerig.device_kinds import ALIASES, KINDS, plugins
from edgerig.errors import ConfigError
from edgerig.registry import load_object
from edgerig.spec.conditions import Conditions
from edgerig.spec.toml import Name, Strict, first_wins, nearest, parse, read_toml, roots, shown, unknown

LONGEST_READABLE = 60
"""Characters of an address that its device's name keeps."""


class Device(Strict):
    """What every device file may say. A kind's own class adds its keys, and `kind` as the one value it has there."""

    name: Name
    description: str = ""
    emulated: bool = False
    """Whether its clock says nothing of the hardware it stands for: its latency is then never ranked or gated."""
    kind: str
    conditions: Conditions = Conditions()
    """What it is brought into before each cell is timed, as far as it lets us; a sweep's own come first."""

    @property
    def address(self) -> str:
        """Where it is found, for a list of devices."""
        return "this machine"

    @property
    def arch(self) -> str:
        """The kernel's name for its architecture (`uname -m`), as far as its file tells; "" where it must be asked."""
        return ""

    @property
    def has_frameworks(self) -> bool:
        """Do its jobs run with whatever packages are installed there? Else with what is brought, which are runtimes."""
        return False

    def refuses(self, format_name: str) -> str:
        """Why it can run no file of the format, as far as its file tells, "" where it can."""
        return ""

    @property
    def elsewhere(self) -> str:
        """Where what it times runs, of a kind that this machine only asks (a server, a phone's browser); "": where its
        commands run."""
        return ""


class ForeignDevice(Device):
    """Of a kind that nothing installed here knows: all that the report of its run needs of it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class RemoteDevice(Device):
    """A machine of its own, which is reached without being made ready first; `workdir` is a folder of ours there."""

    workdir: str

    @property
    def own_python(self) -> tuple[str, ...]:
        """The command of the Python there that runs the jobs with the packages it has; () where these are brought."""
        return ()

    @property
    def has_frameworks(self) -> bool:
        return bool(self.own_python)

    @property
    def wheels(self) -> Literal["always", "where possible", "never"]:
        """Whether the runtimes' wheels are brought for the device's own Python, `wheel_python`, instead of a bundle."""
        return "never"

    @property
    def wheel_python(self) -> str:
        return "python3"


TCP_ADDRESS = r"^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5}$"
"""`host:port`, an IPv6 host in brackets."""


class OverAdb(Device):
    """What the host's adb server reaches. `serial` is what `adb devices` calls it; None: the one at `connect`, else the
    only one there is. In `workdir` turns are kept: two devices that are the same phone take turns where it is the
    same."""

    serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\[][\x21-\x7e]*$", max_length=255)] | None = None
    connect: Annotated[str, StringConstraints(pattern=TCP_ADDRESS, max_length=255)] | None = None
    """`host:port` the adb server connects to first, for a device in the network."""
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=512)] = (
        "/data/local/tmp/edgerig"
    )

    @property
    def address(self) -> str:
        return f"adb:{self.serial or self.connect or 'the only one'}"


class EmulatedArm64(Device):
    """Arm64 as QEMU emulates it, whose `cpu` is one of those it has."""

    cpu: str
    emulated: Literal[True] = True

    @property
    def address(self) -> str:
        return self.cpu

    @property
    def arch(self) -> str:
        return "aarch64"


class EmulatedProcessor(EmulatedArm64):
    """Such a processor for one program alone (QEMU's user mode); `max` has every feature QEMU can emulate."""

    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76", "max"]


@dataclass(frozen=True)
class Program:
    """A program of this host: what for, and the Debian package that has it."""

    program: str
    package: str
    purpose: str


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device: all that tells it from others. Code that need not be loaded to read a device's file stands as
    `"module:name"`, called with the device's spec:

    `opens(spec, claim)` gives a context manager around the `devices.OpenDevice`; a device that others may use is made
    ready in a turn of its own, for the claim. Raises DeviceError on entering.
    `transport(spec)` is the `devices.RemoteTransport` of a RemoteDevice.
    `prepares(spec, transport)` makes a RemoteDevice ready that has an `own_python`, and raises DeviceError for what
    that lacks.
    `asks(spec)` gives what the doctor finds of this host beyond `programs`, `compiles` and the bundle.
    """

    spec: type[Device]
    opens: str
    transport: str = ""
    prepares: str = ""
    asks: str = ""
    addressed: Callable[[str], Device] | None = None
    """The device of an address that begins with the kind's name and a colon. Raises ConfigError."""
    shares: Literal["", "disk", "machine"] = ""
    """What it has in common with this machine: `disk`, what is written there fills ours; `machine`, that and its cells
    are timed on our processor, so that nothing else may run beside them."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """Format → the engine that runs it there; {}: each format's own engine."""
    programs: tuple[Program, ...] = ()
    compiles: str = ""
    """What this host's own C++ compiler is needed for."""
    bundled: bool = False
    """Whether this host runs the bundle for its `arch`, instead of bringing it to the device."""
    no_bundle: str = ""
    """For a device of an architecture no bundle is made for: what it takes."""


BY_JAVASCRIPT: Mapping[str, str] = {"onnx": "ort_web", "tflite": "litert_js", "tfjs": "tfjs"}
"""Format → the engine of JavaScript that runs it: `DeviceKind.runs` of every kind that has a browser's engine."""


def kind_named(name: str) -> DeviceKind:
    """The kind's row. Raises ConfigError for an unknown kind, and for one that a package adds and that is faulty."""
    others = plugins()
    if name in KINDS:
        row: DeviceKind = load_object(KINDS[name].row)
        return row
    if name not in others:
        raise ConfigError(f"unknown kind {shown(name)}", hint=nearest(name, [*KINDS, *others]))
    return others[name].load(DeviceKind)


def kind_of(spec: Device) -> DeviceKind:
    return kind_named(spec.kind)


def _of_its_kind(value: object) -> object:
    """A run's device as the class its `kind` names; what is no table is the model's own to judge. Raises ValueError."""
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        return value
    try:
        cls = kind_named(value["kind"]).spec
    except ConfigError:  # of a package that is not here: the run can be reported, though not gone on with
        cls = ForeignDevice
    try:
        return parse(cls, value, "device")
    except ConfigError as error:
        raise ValueError(error.message) from error


DeviceSpec = Annotated[SerializeAsAny[Device], BeforeValidator(_of_its_kind)]
"""A place to run; `kind` names the transport that reaches it."""


def known_devices() -> dict[str, Path]:
    """Device name → its TOML; `*.example.toml` are templates to copy, not devices."""
    found = (p for root in roots("devices") for p in sorted(root.glob("*.toml")) if ".example" not in p.name)
    return first_wins((p.stem, p) for p in found)


def load_device(name: str) -> Device:
    """The device `name`: a device file's, or an address (`ssh://user@host:port`, `adb:SERIAL`). Raises ConfigError."""
    addressed = _addressed(name)
    if addressed is not None:
        return addressed(name)
    known = known_devices()
    if name not in known and name.endswith(".toml"):
        raise ConfigError(
            f"device {shown(name)} is a file's path", hint="put the file into ./devices and give its name"
        )
    if name not in known:
        raise unknown("device", name, known)
    origin, table = str(known[name]), read_toml(known[name])
    kind = table.get("kind")
    try:
        row = kind_named(kind if isinstance(kind, str) else "")
    except ConfigError as error:
        said = error.message if isinstance(kind, str) else f"unknown kind {shown(kind)}"
        raise ConfigError(f'{origin}: key "kind": {said}', hint=error.hint) from error
    return parse(row.spec, {"name": name, **table}, origin)


def _addressed(name: str) -> Callable[[str], Device] | None:
    """What makes a device of the address `name`; None when it is a name (which has no colon) or no kind's address."""
    scheme, colon, _ = name.partition(":")
    kind = ALIASES.get(scheme, scheme)
    if not colon or not (kind in KINDS or kind in plugins()):
        return None
    return kind_named(kind).addressed


def name_of_address(kind: str, address: str, parts: list[str]) -> str:
    """The name of the device at `address`, made of the `parts` of it that tell it from others; safe in a path and in a
    cell's id. Two addresses never share one: what was replaced or cut is told apart by a digest."""
    readable = "_".join(re.sub(r"[^A-Za-z0-9.-]", "-", part) for part in parts)
    if readable != "_".join(parts) or len(readable) > LONGEST_READABLE or any("_" in part for part in parts):
        readable = f"{readable[:LONGEST_READABLE]}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    return f"{kind}_{readable}"
