"""What a device would run a job with: versions of numpy and the runtimes, each with a reason where there is none."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from edgerig.devices import link_to, open_device
from edgerig.devices.bundle import Bundle, cached
from edgerig.devices.bundle.provision import is_provisioned
from edgerig.devices.lease import holder_of
from edgerig.devices.transport import Link, Transport
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord
from edgerig.spec import AdbDevice, DeviceSpec, SshDevice, on_device

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

Facts = dict[str, tuple[str | None, str]]
"""Name → value, and why there is none."""


def described(spec: DeviceSpec, called: str) -> DeviceRecord:
    """The probe's record, its state with what a job would run with: each distribution an engine needs, and the `bundle`
    they are in where it is one.

    `called` is the device's name on the command line, for the reasons. Raises DeviceError.
    """
    if isinstance(spec, SshDevice | AdbDevice):
        with link_to(spec) as link:
            record = _with_holder(link.probe(), link, spec.workdir)
            if spec.runtime == "system":
                return _with(record, _of_python(link, (spec.python, "-I")))
            return _with(record, _on_device(spec, link, record.arch, called))
    with open_device(spec) as opened:
        record = opened.transport.probe()
        if spec.kind == "local":
            return _with(record, _of_python(opened.transport, opened.python))
    facts = _of_bundle(cached(record.arch), "the cache has just lost it")
    if spec.kind == "qemu-user":
        facts["guest_instructions"] = (None if opened.no_instructions else "counted", opened.no_instructions)
    return _with(record, facts)


def _with_holder(record: DeviceRecord, link: Link, workdir: str) -> DeviceRecord:
    """The record with who works on the device now, as far as anybody does."""
    held = holder_of(link, workdir)
    return record.model_copy(update={"state": {**record.state, "turn": held.words()}}) if held else record


def versions_of(transport: Transport, python: Sequence[str]) -> dict[str, str | None]:
    """The versions of what the engines need that `python`, a command there, has. Raises DeviceError when it does not
    tell."""
    names = on_device()
    asked = transport.run([*python, "-c", _ASK, *names], TIMEOUT_S)
    try:
        told = json.loads(asked.stdout[:4096])
        return {name: _version(told[name]) for name in names}
    except (ValueError, TypeError, KeyError) as error:
        said = asked.stderr[-300:].decode("utf-8", "replace").strip()
        raise DeviceError(f"{python[0]} does not tell its packages: {said or 'it said nothing'}") from error


def _version(told: object) -> str | None:
    return told if isinstance(told, str) and re.fullmatch(r"[\w.+!-]{1,40}", told, re.ASCII) else None


def _of_python(transport: Transport, python: Sequence[str]) -> Facts:
    try:
        found, why = versions_of(transport, python), f"not installed for {python[0]}"
    except DeviceError as error:
        found, why = dict.fromkeys(on_device()), error.message
    return {name: (version, why) for name, version in found.items()}


def _on_device(spec: SshDevice | AdbDevice, link: Link, arch: str | None, called: str) -> Facts:
    built = cached(arch)
    if built is not None and is_provisioned(link, spec.workdir, built.key):
        return _of_bundle(built, "")
    where = "not brought to the device yet" if built else f"not built for {arch} on this host"
    return _of_bundle(None, f"{where}: edgerig devices provision {shlex.quote(called)}")


def _of_bundle(found: Bundle | None, why: str) -> Facts:
    held = {wheel["name"]: wheel["version"] for wheel in found.manifest["wheels"]} if found else {}
    versions = {name: (held.get(name), why or "not in the bundle") for name in on_device()}
    return {"bundle": (found.key if found else None, why), **versions}


def _with(record: DeviceRecord, facts: Facts) -> DeviceRecord:
    known = {name: value for name, (value, _) in facts.items()}
    reasons = record.state.get("reasons", {}) | {name: why for name, (value, why) in facts.items() if value is None}
    return record.model_copy(update={"state": {**record.state, **known, "reasons": reasons}})
