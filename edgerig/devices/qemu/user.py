"""An arm64 processor emulated for the runner alone: the bundle under QEMU's user mode, as an ordinary user.

Its instructions, and with them kernels, numerics and counts, are the emulated processor's; kernel, memory and time are
this machine's.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from edgerig import process
from edgerig.cache import cache_root, temporary_folder
from edgerig.devices.bundle import bundle
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.devices.local import WORKDIR_PREFIX, LocalTransport
from edgerig.devices.qemu import cpuinfo
from edgerig.devices.qemu.instructions import instruction_counter
from edgerig.devices.turns import Claim
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord, DeviceState
from edgerig.spec import EmulatedProcessor

ARCH = "aarch64"
QEMU = f"qemu-{ARCH}"
VERSION_TIMEOUT_S = 20.0
NO_STATE = "user mode has no clock frequency, temperature or power of its own: they are this machine's"
NO_MEMORY = "user mode has no memory of its own: the guest's lies in the emulator's process on this machine"


@contextlib.contextmanager
def open_qemu_user(spec: QemuUserDevice, claim: Claim | None = None) -> Iterator[PosixDevice]:
    """Raises DeviceError when QEMU is missing or the bundle cannot be built.

    No `claim` is asked: the emulator is this process' own, and nobody else can be at work on it.
    """
    qemu = find_qemu()
    version = version_of(qemu)
    found = bundle(ARCH)
    counter = instruction_counter(qemu, cache_root() / "native")
    with temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as folder:
        files, workdir = folder / "files", folder / "work"
        cpuinfo.write_files(cpuinfo.CPUS[spec.cpu], files)
        workdir.mkdir()
        emulator = (*counter.prefix, qemu, *counter.arguments, "-cpu", spec.cpu, "-L", str(files))
        root = str(found.root)
        with QemuUserTransport(spec, version, found.key) as transport:
            yield PosixDevice(
                transport=transport,
                workdir=str(workdir),
                python=("env", "-i", *emulator, *found.python(root)),
                executorch_library=found.executorch_library(root),
                no_instructions=counter.reason,
                no_state=NO_STATE,
                clock=found.clock(root),
            )


class QemuUserTransport(LocalTransport):
    """Files and commands are this machine's; what `python` of the device starts is emulated."""

    def __init__(self, spec: EmulatedProcessor, qemu_version: str, bundle_key: str) -> None:
        self._spec = spec
        self._qemu_version = qemu_version
        self._bundle_key = bundle_key

    def probe(self) -> DeviceRecord:
        """The emulated device, as it was set up, and the load and memory of this machine, whose kernel is below."""
        here = super().probe().state
        return DeviceRecord(
            kind=self._spec.kind,
            emulated=True,
            arch=ARCH,
            cpu=self._spec.cpu,
            cores=cpuinfo.CORES,
            memory_bytes=None,
            os=f"Debian's libraries on QEMU {self._qemu_version} (user mode)",
            state=DeviceState(
                features=tuple(cpuinfo.CPUS[self._spec.cpu].features.split()),
                bundle=self._bundle_key,
                load1=here.load1,
                memory_available_bytes=here.memory_available_bytes,
                oom_kills=here.oom_kills,
                reasons={"memory_bytes": NO_MEMORY},
            ),
        )


def find_qemu() -> str:
    found = shutil.which(QEMU)
    if found is None:
        raise DeviceError(f"{QEMU} is not installed: it emulates the device", hint="apt-get install qemu-user")
    return found


@cache
def version_of(qemu: str) -> str:
    """Such as `7.2.22`."""
    try:
        done = process.run([qemu, "--version"], timeout_s=VERSION_TIMEOUT_S)
    except OSError as error:
        raise DeviceError(f"{qemu} cannot be started: {error.strerror}", hint="apt-get install qemu-user") from error
    said = re.search(rb"version (\d+(?:\.\d+)*)", done.stdout[:1000])
    if done.timed_out or done.returncode != 0 or said is None:
        raise DeviceError(f"{qemu} does not tell its version", hint="apt-get install --reinstall qemu-user")
    return said[1].decode()
