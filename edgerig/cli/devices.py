"""`edgerig devices …`: what there is, what it is, whether it is ready, and making it so."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.markup import escape

from edgerig import spec
from edgerig.cli.say import print_table, say, table, tell_program
from edgerig.devices import open_device, transport_to
from edgerig.devices.doctor import device_findings, host_findings
from edgerig.devices.turns import Claim, claim, new_token
from edgerig.errors import ConfigError
from edgerig.report.files import check_file, check_folder
from edgerig.results import DeviceRecord
from edgerig.spec import Device, RemoteDevice


def listing() -> None:
    """One row per device; the state says what is missing on this host, not whether the device answers now."""
    shown = table("device", "kind", "address", "arch", "emulated", "state", "description")
    refused: list[ConfigError] = []
    for name in spec.known_devices():
        try:
            device = spec.load_device(name)
        except ConfigError as error:  # one file that is wrong hides no other device
            refused.append(error)
            continue
        missing = [finding for finding in host_findings(device) if not finding.ok]
        state = f"host lacks {len(missing)}: edgerig devices doctor {name}" if missing else "host ready"
        shown.add_row(
            name, device.kind, escape(device.address), device.arch or "asked on probing",
            "yes" if device.emulated else "no", escape(state), escape(device.description),
        )  # fmt: skip
    print_table(shown)
    if refused:
        hints = dict.fromkeys(error.hint for error in refused if error.hint)
        raise ConfigError("\n".join(error.message for error in refused), hint="; ".join(hints))


def probe(name: str, as_json: bool) -> None:
    from edgerig.devices.installed import described

    record = described(spec.load_device(name), name)
    if as_json:
        tell_program(record.model_dump_json(indent=2))
        return
    shown = table("what", "value")
    for key, value in _facts(record):
        shown.add_row(key, escape(value))
    print_table(shown)


def provision(name: str, source: Path | None) -> None:
    device = spec.load_device(name)
    begin = time.monotonic()
    if source is not None:
        _take_wheels(name, device, source)
    with open_device(device, _claim(name, wait=True)) as opened:
        say(f"{name} is ready after {time.monotonic() - begin:.1f} s")
        for what, (value, why) in opened.facts().items():
            say(f"{what}: {why if value is None else value}")


def _take_wheels(name: str, device: Device, source: Path) -> None:
    """Lays out what the device gets from the wheels in the folder `source` alone; sweeps find it in the cache."""
    from edgerig.devices.brought import chosen

    if not isinstance(device, RemoteDevice) or device.own_python:
        raise ConfigError(f"{name} gets no wheels", hint="--from is for devices that wheels are brought to")
    if not source.is_dir():
        raise ConfigError(f"{source} is no folder", hint="--from FOLDER: where the runtimes' wheels are")
    with transport_to(device) as transport:
        chosen(device, transport, transport.prepare()).make(source)


def bundle(arch: str | None, to: Path | None, source: Path | None, wheel: bool) -> None:
    from edgerig.devices import bundle as bundles
    from edgerig.devices.bundle import carried, packaged

    if (arch is None) == (source is None) or ((to is not None or wheel) and source is not None):
        raise ConfigError(
            "a bundle is built for an architecture or taken from a file",
            hint="edgerig devices bundle aarch64 [--to FILE | --wheel], or edgerig devices bundle --from FILE",
        )
    if wheel:
        check_folder("--to", to)
    else:
        check_file("--to", to, "bundle.tar")
    found = carried.load(source) if source else bundles.bundle(arch or "")
    if to and not wheel:
        carried.save(found, to)
    manifest = found.manifest
    say(f"bundle {found.key} for {found.architecture.name}, {manifest['archive_bytes'] / 1e6:.1f} MB to push")
    say("with " + ", ".join(f"{each['name']} {each['version']}" for each in manifest["wheels"]))
    if wheel:
        written = packaged.save(found, to or Path())
        say(f"written to {written}, {written.stat().st_size / 1e6:.1f} MB: pip install {written.name}")
    elif to:
        say(f"written to {to}: edgerig devices bundle --from {to.name}")


def doctor(name: str | None) -> None:
    """Exit code 5 when something is missing."""
    amiss = False
    for each in [name] if name else list(spec.known_devices()):
        try:
            device = spec.load_device(each)
        except ConfigError as error:
            if name:
                raise
            say(f"{each}\n{error.message}\n{error.hint}")  # one file that is wrong hides no other device
            amiss = True
            continue
        findings = host_findings(device)
        if all(finding.ok for finding in findings):
            findings = list(dict.fromkeys([*findings, *device_findings(device, each)]))
        say(f"{each} ({device.kind})")
        for finding in findings:
            say(f"  {'ok     ' if finding.ok else 'MISSING'} {finding.what}")
            if finding.fix:
                say(f"          {finding.fix}")
        amiss = amiss or not all(finding.ok for finding in findings)
    if amiss:
        sys.exit(5)


def tune(name: str, reset: bool, show: bool) -> None:
    from edgerig.devices.conditioning import tune as tuning
    from edgerig.devices.conditioning.notes import told

    device = spec.load_device(name)
    with tuning.reached(device, _claim(name, wait=False)) as reached:
        if reset:
            found = tuning.reset(reached)
        elif show:
            found = tuning.looked(reached, device.conditions)
        else:
            found = tuning.tuned(reached, device.conditions)
    if reached.here:
        say(f"{name} runs on this machine, whose knobs these are")
    shown = table("knob", "now", "can be set", "what it is", "advice")
    for knob in found.knobs:
        shown.add_row(
            knob.name, escape(knob.value or "not told"), "yes" if knob.settable else "no", escape(knob.what),
            escape(knob.advice),
        )  # fmt: skip
    print_table(shown)
    say(f"{name}: {found.done}")
    if found.kept:
        say(f"{name}: could not be put back: {told(found.kept)}")


def clean(name: str, keep_mib: int) -> None:
    from edgerig.devices.brought import chosen
    from edgerig.devices.bundle.provision import tidy
    from edgerig.devices.content_store import clean as clean_store
    from edgerig.devices.lease import in_turn

    device = spec.load_device(name)
    if not isinstance(device, RemoteDevice):
        say(f"{name} keeps nothing between sweeps; what was built for it on this machine: edgerig clean --keep-gib 0")
        return
    with transport_to(device) as transport, in_turn(transport, device.workdir, _claim(name, wait=False)) as turn:
        arch = turn.transport.probe().arch or ""
        current = None if device.own_python else chosen(device, turn.transport, arch).cached()
        cleaned = clean_store(turn.transport, device.workdir, keep_mib * 2**20)
        bundles, bundle_bytes = tidy(turn.transport, device.workdir, current.key if current else "")
    removed, kept = (cleaned.removed_bytes + bundle_bytes) / 2**20, cleaned.kept_bytes / 2**20
    say(
        f"{name}: {cleaned.removed} files and {bundles} old bundles of {removed:.1f} MiB removed; "
        f"{kept:.1f} MiB of files kept"
    )


def _claim(name: str, *, wait: bool) -> Claim:
    """For a command that works on the device a while: no job is to be timed beside it."""
    return claim(name, "", new_token(), wait=wait, tell=lambda words: say(f"{name}: {words}", err=True))


def _facts(record: DeviceRecord) -> list[tuple[str, str]]:
    known: dict[str, Any] = record.model_dump(mode="json", exclude={"state"})
    state, reasons = record.state.model_dump(mode="json"), record.state.reasons

    def shown(key: str, value: Any) -> str:
        if value is None:
            return f"unknown: {reasons[key]}" if reasons.get(key) else "unknown"
        return value if isinstance(value, str) else json.dumps(value)

    return [(key, shown(key, value)) for key, value in {**known, **state}.items() if key != "reasons"]
