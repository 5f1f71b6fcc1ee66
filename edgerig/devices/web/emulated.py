"""Node.js for arm64 under QEMU's user mode: its binary is a package of npm's, its libraries are the bundle's."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgerig.cache import temporary_folder
from edgerig.devices.bundle import bundle
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.qemu_node import QemuNodeDevice
from edgerig.devices.qemu import cpuinfo
from edgerig.devices.qemu.user import NO_STATE, QemuUserTransport, find_qemu, version_of
from edgerig.devices.turns import Claim
from edgerig.devices.web.device import WORKDIR_PREFIX, WebDevice, quiet, runner
from edgerig.spec import load_programs
from edgerig.web.packages import place_of

NO_INSTRUCTIONS = "a script cannot mark where an inference begins and ends, which QEMU's counter needs"


@contextlib.contextmanager
def open_qemu_node(spec: QemuNodeDevice, claim: Claim | None = None) -> Iterator[WebDevice]:
    """Raises DeviceError when QEMU is missing or the bundle cannot be built.

    No `claim` is asked for turns: the emulator is this process' own, and nobody else can be at work on it.
    """
    qemu = find_qemu()
    version, found, node = version_of(qemu), bundle(spec.arch), load_programs()[f"node-{spec.arch}"]
    with (
        temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as folder,
        QemuUserTransport(spec, version, found.key) as transport,
    ):
        files, workdir = folder / "files", folder / "work"
        cpuinfo.write_files(cpuinfo.CPUS[spec.cpu], files)
        (files / "lib").symlink_to(found.root / "lib")  # to the guest it is /lib, where its loader lies and looks
        workdir.mkdir()
        emulator = (qemu, "-cpu", spec.cpu, "-L", str(files), "-E", "LD_LIBRARY_PATH=/lib")
        posix = PosixDevice(
            transport=transport,
            workdir=str(workdir),
            python=runner(spec.kind, [*emulator, str(place_of(node) / node.program)], spec.port),
            executorch_library=None,
            no_instructions=NO_INSTRUCTIONS,
            no_state=NO_STATE,
            run=claim.run if claim else "",
            brings_runner=False,
        )
        called = (f"{node.runtime} {node.packages[0].version}", "")
        yield WebDevice(posix, spec.kind, "node", called, claim.tell if claim else quiet, [node])
