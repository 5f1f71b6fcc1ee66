"""What stands between a device and a sweep, on this host and on the device, and what puts it right.

A finding comes from the very check a sweep makes, wherever there is one to call.
"""

from __future__ import annotations

import shlex

from edgerig.devices import open_device, transport_to
from edgerig.devices.brought import chosen
from edgerig.devices.bundle import Bundle, cached
from edgerig.devices.bundle.provision import SPACE_MB, is_provisioned
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.devices.bundle.wheel_set import WheelSet
from edgerig.devices.findings import Finding, of_builders, of_bundle, of_compiler, of_pip, of_program, of_runner
from edgerig.devices.installed import versions_of
from edgerig.devices.lease import holder_of
from edgerig.devices.transport import RemoteTransport
from edgerig.errors import DeviceError, EdgerigError
from edgerig.registry import load_object
from edgerig.results import DeviceRecord
from edgerig.spec import Device, RemoteDevice, kind_of, load_engines

JOB_MB = 50
"""Of space: a model, its inputs and outputs."""
COMMAND_TIMEOUT_S = 60.0

# $1 the workdir
_TRY_WORKDIR = """\
f=$1/.doctor-$$; : >"$f" && chmod 700 "$f" || exit 1
[ -x "$f" ] || echo noexec
rm -f "$f"
"""


def host_findings(spec: Device) -> list[Finding]:
    """What the device needs of this host as far as its file tells: nothing is started and no device is asked."""
    kind = kind_of(spec)
    found = [of_program(need) for need in kind.programs]
    if kind.compiles:
        found.append(of_compiler(kind.compiles))
    if kind.asks:
        found += load_object(kind.asks)(spec)
    if kind.bundled:
        found += of_bundle(ARCHITECTURES[spec.arch])
    elif isinstance(spec, RemoteDevice) and not spec.own_python:
        if spec.wheels != "never":  # whether a bundle is needed is known when the device has told of its Python
            found.append(of_pip())
        elif not any(map(cached, ARCHITECTURES)):
            found += of_builders()
    return found


def device_findings(spec: Device, called: str) -> list[Finding]:
    """What the device lacks, and this host for one of its architecture. Reaches it and makes its workdir; nothing is
    pushed to a device of its own. `called` is its name on the command line, for the commands it names."""
    try:
        if isinstance(spec, RemoteDevice):
            return _of_remote(spec, called)
        with open_device(spec) as opened:
            record, facts = opened.probe(), opened.facts()
    except EdgerigError as error:
        return [Finding(f"reaching it: {error.message}", False, error.hint)]
    where = facts["workdir"][0] if "workdir" in facts else "a job"
    found = [_reached(record), *_space(record, JOB_MB, f"free space for {where}")]
    for what, (value, why) in facts.items():
        found.append(Finding(f"{what}: {why if value is None else value}", value is not None))
    return found


def _of_remote(spec: RemoteDevice, called: str) -> list[Finding]:
    with transport_to(spec) as transport:
        record = transport.probe()
        found = [_reached(record), _workdir(spec, transport), *_in_use(spec, transport)]
        needed_mb = JOB_MB
        if spec.own_python:
            found += _own_python(spec, transport)
        elif record.arch not in ARCHITECTURES:
            remedy = kind_of(spec).no_bundle
            found.append(Finding(f"architecture {record.arch}: no bundle is made for it", False, remedy))
        else:
            brings, made = _brought(spec, transport, record.arch)
            found += brings
            if made is None or not is_provisioned(transport, spec.workdir, made.key):
                needed_mb += SPACE_MB
    remedy = f"edgerig devices clean {shlex.quote(called)}, or free space in {spec.workdir} on the device"
    return [*found, *_space(record, needed_mb, remedy)]


def _reached(record: DeviceRecord) -> Finding:
    return Finding(f"reached: {record.cpu or 'cpu unknown'}, {record.os or 'system unknown'}", True)


def _workdir(spec: RemoteDevice, transport: RemoteTransport) -> Finding:
    hint = 'set "workdir" in the device file to a folder that can be written and that programs may run from'
    try:
        transport.prepare()
        done = transport.run(["sh", "-c", _TRY_WORKDIR, "try", spec.workdir], COMMAND_TIMEOUT_S)
    except DeviceError as error:
        return Finding(error.message, False, error.hint)
    said = done.stderr[-200:].decode("utf-8", "replace").strip()
    if done.returncode != 0:
        return Finding(f"workdir {spec.workdir} cannot be written: {said}", False, hint)
    if not spec.own_python and b"noexec" in done.stdout:
        return Finding(f"workdir {spec.workdir}: no program may run there (mounted noexec)", False, hint)
    return Finding(f"workdir {spec.workdir}", True)


def _in_use(spec: RemoteDevice, transport: RemoteTransport) -> list[Finding]:
    held = holder_of(transport, spec.workdir)
    return [Finding(f"{held.words()}: a sweep waits for its turn", True)] if held else []


def _brought(
    spec: RemoteDevice, transport: RemoteTransport, arch: str
) -> tuple[list[Finding], Bundle | WheelSet | None]:
    """What this host needs to make what is brought there, and that, if it is made."""
    try:
        choice = chosen(spec, transport, arch)
    except DeviceError as error:
        return [Finding(error.message, False, error.hint)], None
    made = choice.cached()
    if choice.python is None:
        why = [Finding(f"a bundle is brought: {choice.no_wheels}", True)] if choice.no_wheels else []
        return [*why, *of_bundle(ARCHITECTURES[arch])], made
    if not isinstance(made, WheelSet):
        return [
            Finding(f"wheels are brought, for {choice.python}", True),
            of_pip(),
            of_runner(ARCHITECTURES[arch]),
        ], None
    if made.no_runner:
        return [of_runner(ARCHITECTURES[arch])], made
    return [Finding(f"the wheels for {choice.python} are there", True)], made


def _own_python(spec: RemoteDevice, transport: RemoteTransport) -> list[Finding]:
    python = spec.own_python[0]
    try:
        load_object(kind_of(spec).prepares)(spec, transport)
        found = versions_of(transport, spec.own_python)
    except DeviceError as error:
        return [Finding(error.message, False, error.hint)]
    install = f"on the device: {python} -m pip install"
    # A framework that is not there is missed by the few who deploy one: their cells say what to install.
    edge = {name for engine in load_engines().values() if engine.brought for name in engine.distributions}
    return [
        Finding(f"{name} {version} in {python}", True)
        if version
        else Finding(f"{name} in {python}", False, f"{install} {name}")
        for name, version in found.items()
        if version or name in edge
    ]


def _space(record: DeviceRecord, needed_mb: int, remedy: str) -> list[Finding]:
    """What is wrong with it, if anything; not every device tells its space."""
    free = record.state.free_bytes
    if free is None or free >= needed_mb * 10**6:
        return []
    return [Finding(f"{free / 1e6:.0f} MB free, {needed_mb} MB are needed", False, remedy)]
