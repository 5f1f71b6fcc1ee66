"""This machine as a device: the same steps as on any other, without a link between."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edgerig import process
from edgerig.cache import cache_root, temporary_folder
from edgerig.devices.device import PosixDevice
from edgerig.devices.host import cpu_model, memory_bytes
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.local_lease import LocalLease
from edgerig.devices.native import executorch_runner
from edgerig.devices.probe import probe
from edgerig.devices.turns import Claim, NoLease
from edgerig.errors import DeviceError, NotKept
from edgerig.ondevice import processors
from edgerig.process import Finished
from edgerig.quiet import child_environment
from edgerig.results import DeviceRecord

KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR")
WORKDIR_PREFIX = "edgerig-device-"


@contextlib.contextmanager
def open_local(spec: LocalDevice, claim: Claim | None = None) -> Iterator[PosixDevice]:
    """With a `claim`, its jobs run in turns with those of every other sweep of this machine; none is taken here."""
    library = executorch_runner(cache_root() / "native")
    with (
        LocalTransport() as transport,
        temporary_folder(Path(tempfile.gettempdir()), WORKDIR_PREFIX) as workdir,
        contextlib.closing(LocalLease(claim)) if claim else contextlib.nullcontext(NoLease()) as lease,
    ):
        yield PosixDevice(
            transport=transport,
            workdir=str(workdir),
            # -I: neither the working folder nor PYTHONPATH nor user packages get into a measurement.
            python=(sys.executable, "-I"),
            executorch_library=str(library.path) if library.path else None,
            library_reason=library.reason or "",
            lease=lease,
            run=claim.run if claim else "",
            notes=str(notes_folder()),
        )


def notes_folder() -> Path:
    """Where what was changed of this machine is noted: root's, who may change it for all, is gone with a restart, as
    what is noted is; any other's is their own."""
    return Path("/run/edgerig") if os.geteuid() == 0 and os.path.isdir("/run") else cache_root() / "notes"


class LocalTransport:
    """Commands are children of ours, files are copied."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        given = child_environment(KEPT_ENVIRONMENT, LC_ALL="C.UTF-8")
        try:
            return process.run(argv, timeout_s=timeout_s, env=given)
        except OSError as error:
            raise DeviceError(f"{argv[0]} cannot be started: {error.strerror}", hint="is it installed?") from error

    def push(self, local: Path, remote: str) -> None:
        temporary = f"{remote}.part"
        try:
            shutil.copyfile(local, temporary)
            os.replace(temporary, remote)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise DeviceError(
                f"{local.name} could not be copied to {remote}: {error.strerror}",
                hint="does the folder exist, and is there space in it?",
            ) from error

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        with contextlib.ExitStack() as stack:
            try:
                there = stack.enter_context(open(remote, "rb"))
                size = os.fstat(there.fileno()).st_size
            except OSError as error:
                raise DeviceError(f"{remote} could not be fetched: {error.strerror}") from error
            if size > limit_bytes:
                raise DeviceError(f"{remote} is {size} bytes, at most {limit_bytes} were expected")
            try:
                with local.open("wb") as here:
                    shutil.copyfileobj(there, here)
            except OSError as error:
                raise NotKept(f"{remote} could not be kept as {local}: {error.strerror}") from error

    def probe(self) -> DeviceRecord:
        """As of any device, by the names Python has for this machine."""
        found = probe(self, kind="local", emulated=False, workdir=tempfile.gettempdir(), python=sys.executable)
        known = {
            "arch": platform.machine(),
            "cpu": cpu_model(),
            "cores": processors.available(),
            "os": platform.platform(),
        }
        return found.model_copy(update={**known, "memory_bytes": memory_bytes()})
