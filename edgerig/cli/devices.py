"""`edgerig devices …`: what there is, what it is, whether it is ready, and making it so."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import typer
from rich.markup import escape

from edgerig import spec
from edgerig.cli.listing import print_table, table
from edgerig.devices import open_device, reach
from edgerig.devices.doctor import Finding, host_findings
from edgerig.errors import EdgerigError
from edgerig.results import DeviceRecord
from edgerig.spec import DeviceSpec

LEAST_FREE_BYTES = 500 * 2**20
"""What a device needs: the bundle, packed and unpacked, a model and its inputs."""
ARCHITECTURES = ("aarch64", "x86_64")


def listing() -> None:
    """One row a device; the state says what is missing on this host, not whether the device answers now."""
    shown = table("device", "kind", "address", "arch", "emulated", "state", "description")
    for name in spec.known_devices():
        device = spec.load_device(name)
        missing = [finding for finding in host_findings(device) if not finding.ok]
        state = f"host lacks {len(missing)}: edgerig devices doctor {name}" if missing else "host ready"
        shown.add_row(
            name, device.kind, escape(address(device)), architecture(device), "yes" if device.emulated else "no",
            escape(state), escape(device.description),
        )  # fmt: skip
    print_table(shown)


def probe(name: str, as_json: bool) -> None:
    device = spec.load_device(name)
    with reach(device) as transport:
        record = transport.probe()
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
        return
    shown = table("what", "value")
    for key, value in _facts(record):
        shown.add_row(key, escape(value))
    print_table(shown)


def provision(name: str) -> None:
    device = spec.load_device(name)
    begin = time.monotonic()
    with open_device(device) as opened:
        typer.echo(f"{name} is ready after {time.monotonic() - begin:.1f} s: {opened.workdir}")
        typer.echo(f"python: {' '.join(opened.python)}")
        typer.echo(f"ExecuTorch runner: {opened.executorch_library or opened.library_reason}")


def doctor(name: str | None) -> None:
    """Exit code 5 when something is missing."""
    amiss = False
    for each in [name] if name else list(spec.known_devices()):
        device = spec.load_device(each)
        findings = host_findings(device)
        if all(finding.ok for finding in findings):
            findings += _device_findings(device)
        typer.echo(f"{each} ({device.kind})")
        for finding in findings:
            typer.echo(f"  {'ok     ' if finding.ok else 'MISSING'} {finding.what}")
            if finding.fix:
                typer.echo(f"          {finding.fix}")
        amiss = amiss or not all(finding.ok for finding in findings)
    if amiss:
        sys.exit(5)


def clean(name: str, keep_mib: int) -> None:
    from edgerig.devices.content_store import clean as clean_store

    device = spec.load_device(name)
    workdir = getattr(device, "workdir", None)
    if workdir is None:
        typer.echo(f"{name} keeps nothing between sweeps")
        return
    with reach(device) as transport:
        cleaned = clean_store(transport, workdir, keep_mib * 2**20)
    removed, kept = cleaned.removed_bytes / 2**20, cleaned.kept_bytes / 2**20
    typer.echo(f"{name}: {cleaned.removed} files of {removed:.1f} MiB removed, {kept:.1f} MiB kept")


def address(device: DeviceSpec) -> str:
    match device.kind:
        case "ssh":
            user = f"{device.user}@" if device.user else ""
            return f"ssh://{user}{device.host}" + (f":{device.port}" if device.port else "")
        case "adb":
            return f"adb:{device.serial}"
        case "qemu-user" | "qemu-system":
            return device.cpu
    return "this machine"


def architecture(device: DeviceSpec) -> str:
    if device.kind == "local":
        import platform

        return platform.machine()
    return "aarch64" if device.kind.startswith("qemu") else "asked on probing"


def _device_findings(device: DeviceSpec) -> list[Finding]:
    try:
        with reach(device) as transport:
            record = transport.probe()
    except EdgerigError as error:
        return [Finding(f"reaching it: {error.message}", False, error.hint)]
    found = [Finding(f"reached: {record.cpu or 'cpu unknown'}, {record.os or 'system unknown'}", True)]
    if record.arch not in ARCHITECTURES:
        found.append(Finding(f"architecture {record.arch}: no bundle is made for it", False, 'use runtime = "system"'))
    free = record.state.get("free_bytes")
    if isinstance(free, int) and free < LEAST_FREE_BYTES:
        found.append(
            Finding(
                f"{free / 2**20:.0f} MiB free, {LEAST_FREE_BYTES / 2**20:.0f} MiB are needed",
                False,
                f"edgerig devices clean {device.name} --keep-mib 0, or free space on the device",
            )
        )
    return found


def _facts(record: DeviceRecord) -> list[tuple[str, str]]:
    known: dict[str, Any] = record.model_dump(mode="json", exclude={"state"})
    rows = [(key, "unknown" if value is None else str(value)) for key, value in known.items()]
    reasons = record.state.get("reasons", {})
    for key, value in record.state.items():
        if key != "reasons":
            missing = reasons.get(key, "") if isinstance(reasons, dict) else ""
            rows.append((key, f"unknown: {missing}" if value is None else json.dumps(value)))
    return rows
