"""What stands between a device and a sweep, on this host and on the device, and what mends it.

A finding comes from the very check a sweep makes, wherever there is one to call.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from dataclasses import dataclass, replace

from edgerig.cache import cache_root
from edgerig.devices import open_device, transport_to
from edgerig.devices.bundle import cached, debian
from edgerig.devices.bundle.provision import SPACE_MB, is_provisioned
from edgerig.devices.bundle.userland import ARCHITECTURES, SUITE, Architecture
from edgerig.devices.installed import versions_of
from edgerig.devices.lease import holder_of
from edgerig.devices.native import find_compiler
from edgerig.devices.qemu import vm_image
from edgerig.devices.transport import RemoteTransport
from edgerig.errors import DeviceError, EdgerigError
from edgerig.results import DeviceRecord
from edgerig.spec import AdbDevice, DeviceSpec, SshDevice

JOB_MB = 50
"""Of space: a model, its inputs and outputs."""
COMMAND_TIMEOUT_S = 60.0
EMULATED = ARCHITECTURES["aarch64"]


@dataclass(frozen=True)
class Finding:
    """`fix` is the exact command or, where none does it, what to do; "" when nothing is amiss."""

    what: str
    ok: bool
    fix: str = ""


@dataclass(frozen=True)
class Need:
    """A program of this host: what for, and the Debian package that has it."""

    program: str
    package: str
    purpose: str


PROGRAMS: dict[str, tuple[Need, ...]] = {
    "adb": (Need("adb", "adb", "the adb server"),),
    "qemu-user": (Need("qemu-aarch64", "qemu-user", "running arm64 programs, with plugins"),),
    "qemu-system": (
        Need("qemu-system-aarch64", "qemu-system-arm", "the emulated machine"),
        Need("mke2fs", "e2fsprogs", "its disks"),
    ),
}
COMPILED = {
    "local": "the torch-free ExecuTorch runner of this machine",
    "qemu-user": "the plugin that counts guest instructions",
}
"""What this host's own C++ compiler is for."""
NO_BUNDLE = {
    "ssh": 'a 64-bit system there, or runtime = "system" in the device file',
    "adb": "a 64-bit arm or x86 device is needed",
}
BUILDERS = (
    Need("apt-get", "apt", "the bundle's Debian packages"),
    Need("dpkg-deb", "dpkg", "unpacking them"),
)
# $1 the workdir
_TRY_WORKDIR = """\
f=$1/.doctor-$$; : >"$f" && chmod 700 "$f" || exit 1
[ -x "$f" ] || echo noexec
rm -f "$f"
"""


def host_findings(spec: DeviceSpec) -> list[Finding]:
    """What the device needs of this host as far as its file tells: nothing is started and no device is asked."""
    found = [_program(need) for need in PROGRAMS.get(spec.kind, ())]
    if spec.kind in COMPILED:
        found.append(_compiler(COMPILED[spec.kind]))
    if spec.kind == "qemu-user":
        found += _bundle(EMULATED)
    elif spec.kind == "qemu-system":
        if not vm_image.is_made(cache_root() / "vm"):
            found += _builders()
        found += _bundle(EMULATED)
    elif spec.kind != "local" and spec.runtime == "bundle" and not any(map(cached, ARCHITECTURES)):
        found += _builders()
    return found


def device_findings(spec: DeviceSpec, called: str) -> list[Finding]:
    """What the device lacks, and this host for one of its architecture. Reaches it and makes its workdir; nothing is
    pushed to a device of its own. `called` is its name on the command line, for the commands that mend."""
    try:
        if isinstance(spec, SshDevice | AdbDevice):
            return _of_link(spec, called)
        with open_device(spec) as opened:
            record = opened.transport.probe()
            found = [_reached(record), *_space(record, JOB_MB, f"free space for {opened.workdir}")]
        if opened.executorch_library is None:
            found.append(Finding(f"ExecuTorch's runner: {opened.library_reason}", False))
        if spec.kind == "qemu-user":
            counted = opened.no_instructions == ""
            found.append(Finding(f"guest instructions: {opened.no_instructions or 'counted'}", counted))
    except EdgerigError as error:
        return [Finding(f"reaching it: {error.message}", False, error.hint)]
    return found


def _of_link(spec: SshDevice | AdbDevice, called: str) -> list[Finding]:
    with transport_to(spec) as link:
        record = link.probe()
        found = [_reached(record), _workdir(spec, link), *_in_use(spec, link)]
        needed_mb = JOB_MB
        if spec.runtime == "system":
            found += _own_python(spec, link)
        elif record.arch not in ARCHITECTURES:
            found.append(Finding(f"architecture {record.arch}: no bundle is made for it", False, NO_BUNDLE[spec.kind]))
        else:
            found += _bundle(ARCHITECTURES[record.arch])
            built = cached(record.arch)
            if built is None or not is_provisioned(link, spec.workdir, built.key):
                needed_mb += SPACE_MB
    remedy = f"edgerig devices clean {shlex.quote(called)}, or free space in {spec.workdir} on the device"
    return [*found, *_space(record, needed_mb, remedy)]


def _reached(record: DeviceRecord) -> Finding:
    return Finding(f"reached: {record.cpu or 'cpu unknown'}, {record.os or 'system unknown'}", True)


def _workdir(spec: SshDevice | AdbDevice, link: RemoteTransport) -> Finding:
    hint = 'set "workdir" in the device file to a folder that can be written and that programs may run from'
    try:
        link.prepare()
        done = link.run(["sh", "-c", _TRY_WORKDIR, "try", spec.workdir], COMMAND_TIMEOUT_S)
    except DeviceError as error:
        return Finding(error.message, False, error.hint)
    said = done.stderr[-200:].decode("utf-8", "replace").strip()
    if done.returncode != 0:
        return Finding(f"workdir {spec.workdir} cannot be written: {said}", False, hint)
    if spec.runtime == "bundle" and b"noexec" in done.stdout:
        return Finding(f"workdir {spec.workdir}: no program may run there (mounted noexec)", False, hint)
    return Finding(f"workdir {spec.workdir}", True)


def _in_use(spec: SshDevice | AdbDevice, link: RemoteTransport) -> list[Finding]:
    held = holder_of(link, spec.workdir)
    return [Finding(f"{held.words()}: a sweep waits for its turn", True)] if held else []


def _own_python(spec: SshDevice, link: RemoteTransport) -> list[Finding]:
    from edgerig.devices.ssh import with_own_python

    try:
        with_own_python(spec, link)
        found = versions_of(link, (spec.python, "-I"))
    except DeviceError as error:
        return [Finding(error.message, False, error.hint)]
    install = f"on the device: {spec.python} -m pip install"
    return [
        Finding(f"{name} {version} in {spec.python}", True)
        if version
        else Finding(f"{name} in {spec.python}", False, f"{install} {name}")
        for name, version in found.items()
    ]


def _space(record: DeviceRecord, needed_mb: int, remedy: str) -> list[Finding]:
    """What is wrong with it, if anything; not every device tells its space."""
    free = record.state.get("free_bytes")
    if not isinstance(free, int) or free >= needed_mb * 10**6:
        return []
    return [Finding(f"{free / 1e6:.0f} MB free, {needed_mb} MB are needed", False, remedy)]


def _bundle(architecture: Architecture) -> list[Finding]:
    """Its builder's needs, unless it is built."""
    if cached(architecture.name):
        return [Finding(f"the bundle for {architecture.name} is built", True)]
    compiler = Need(
        architecture.compiler, architecture.compiler_package, f"the ExecuTorch runner of {architecture.name}"
    )
    return [*_builders(), _builder(compiler)]


def _builders() -> list[Finding]:
    try:
        debian.archive_of(SUITE)
        archive = Finding("apt's sources: Debian's archive", True)
    except DeviceError as error:
        archive = Finding(error.message, False, error.hint)
    pip = importlib.util.find_spec("pip") is not None
    return [
        *map(_builder, BUILDERS),
        archive,
        Finding("pip: the bundle's wheels", pip, "" if pip else f"{shlex.quote(sys.executable)} -m ensurepip"),
    ]


def _builder(need: Need) -> Finding:
    """Where there is no apt to install it with, the bundle comes from elsewhere."""
    found = _program(need)
    return found if found.ok or shutil.which("apt-get") else replace(found, fix=debian.CARRY)


def _program(need: Need) -> Finding:
    # mke2fs stands in /sbin, which is not on an ordinary user's PATH.
    found = shutil.which(need.program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    return Finding(f"{need.program}: {need.purpose}", bool(found), "" if found else _install(need.package))


def _compiler(purpose: str) -> Finding:
    """This host's own, as `native` finds it."""
    command = find_compiler(os.environ)
    found = bool(command) and shutil.which(command[0]) is not None
    remedy = "unset CXX, or name a C++ compiler there" if command else _install("g++")
    return Finding(f"C++ compiler: {purpose}", found, "" if found else remedy)


def _install(package: str) -> str:
    return f"sudo apt-get install {package}"
