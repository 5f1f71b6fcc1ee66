"""What a device would run a job with: versions of numpy and the runtimes, each with a reason where there is none."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence

from edgerig.devices import open_device, transport_to
from edgerig.devices.brought import chosen
from edgerig.devices.bundle import Bundle, cached
from edgerig.devices.bundle.provision import is_provisioned
from edgerig.devices.bundle.wheel_set import WheelSet
from edgerig.devices.bundle.wheels import wanted
from edgerig.devices.device import COUNTED, Fact, PosixDevice, Runtime, with_facts
from edgerig.devices.lease import holder_of
from edgerig.devices.transport import RemoteTransport, Transport
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord
from edgerig.spec import Device, RemoteDevice, kind_of, on_device

TIMEOUT_S = 120.0
_ASK = """\
import importlib.metadata, json, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""

Facts = dict[str, Fact]


def described(spec: Device, called: str) -> DeviceRecord:
    """The probe's record, its state with what a job would run with: each distribution an engine needs, and the `bundle`
    or the `wheels` they are in where it is one of these.

    `called` is the device's name on the command line, for the reasons. Raises DeviceError.
    """
    if isinstance(spec, RemoteDevice):
        with transport_to(spec) as transport:
            record = _with_holder(transport.probe(), transport, spec.workdir)
            if spec.own_python:
                return with_facts(record, Runtime("system").facts() | _of_python(transport, spec.own_python))
            return with_facts(record, _on_device(spec, transport, record.arch, called))
    with open_device(spec) as opened:
        record, found = opened.probe(), opened.facts()
        if kind_of(spec).bundled:
            facts = _of_bundle(cached(record.arch), "the cache has just lost it")
        else:
            facts = _of_python(opened.transport, opened.python) if isinstance(opened, PosixDevice) else {}
    if COUNTED in found:
        facts["guest_instructions"] = found[COUNTED]
    return with_facts(record, facts)


def _with_holder(record: DeviceRecord, transport: RemoteTransport, workdir: str) -> DeviceRecord:
    """The record with who works on the device now, as far as anybody does."""
    held = holder_of(transport, workdir)
    return _state_with(record, {"turn": held.words()}) if held else record


def versions_of(transport: Transport, python: Sequence[str]) -> dict[str, str | None]:
    """The versions of what the engines need that `python`, a command there, has. Raises DeviceError when it does not
    tell."""
    names = on_device()
    asked = transport.run([*python, "-c", _ASK, *names], TIMEOUT_S)
    try:
        answer = json.loads(asked.stdout[:4096])
        return {name: _version(answer[name]) for name in names}
    except (ValueError, TypeError, KeyError) as error:
        said = asked.stderr[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(f"{python[0]} does not tell its packages: {said or 'it said nothing'}") from error


def _version(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w.+!-]{1,40}", value, re.ASCII) else None


def _of_python(transport: Transport, python: Sequence[str]) -> Facts:
    try:
        found, why = versions_of(transport, python), f"not installed for {python[0]}"
    except DeviceError as error:
        found, why = dict.fromkeys(on_device()), error.message
    return {name: (version, why) for name, version in found.items()}


def _on_device(spec: RemoteDevice, transport: RemoteTransport, arch: str | None, called: str) -> Facts:
    found = chosen(spec, transport, arch or "")
    built = found.cached()
    command = f"edgerig devices provision {shlex.quote(called)}"
    if built is not None and is_provisioned(transport, spec.workdir, built.key):
        why = ""
    else:
        where = "not brought to the device yet" if built else f"not built for {found.python or arch} on this host"
        built, why = None, f"{where}: {command}"
    told = Runtime("wheels" if found.python else "bundle", no_wheels=found.no_wheels).facts()
    if found.python is None:
        return {**told, **_of_bundle(built, why)}
    no_runner = built.no_runner if isinstance(built, WheelSet) else ""
    return {**told, "wheels": (built.key if built else None, why), **_versions(built, no_runner or why)}


def _of_bundle(found: Bundle | WheelSet | None, why: str) -> Facts:
    return {"bundle": (found.key if found else None, why), **_versions(found, why)}


def _versions(found: Bundle | WheelSet | None, why: str) -> Facts:
    held = {wheel["name"]: wheel["version"] for wheel in found.manifest["wheels"]} if found else {}
    return {name: (held.get(name), why or "not in the bundle") for name in wanted()}


def _state_with(record: DeviceRecord, more: Mapping[str, object]) -> DeviceRecord:
    return record.model_copy(update={"state": record.state.model_copy(update=more)})
