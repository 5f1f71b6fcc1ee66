"""This machine as a device: the same steps as on any other, without a link between."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edgerig import process
from edgerig.cache import cache_root
from edgerig.devices.host import cpu_model, governor, memory_bytes
from edgerig.devices.native import executorch_runner
from edgerig.devices.transport import CommandResult
from edgerig.errors import DeviceError
from edgerig.results import DeviceRecord
from edgerig.spec import DeviceSpec


class LocalTransport:
    def __init__(self, device: DeviceSpec) -> None:
        self._device = device
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="edgerig-device-"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def run(self, argv: Sequence[str], timeout_s: float) -> CommandResult:
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        try:
            done = process.run(argv, timeout_s=timeout_s, env={**kept, "LC_ALL": "C.UTF-8"})
        except OSError as error:
            raise DeviceError(f"{argv[0]} cannot be started: {error.strerror}", hint="is it installed?") from error
        return CommandResult(done.returncode, done.stdout, done.stderr, done.seconds, done.timed_out)

    def push(self, local: Path, remote: str) -> None:
        try:
            shutil.copyfile(local, remote)
        except OSError as error:
            raise DeviceError(f"{local.name} could not be copied to {remote}: {error.strerror}",
                              hint="is there space in the temporary folder (TMPDIR)?") from error

    def pull(self, remote: str, local: Path, limit_bytes: int) -> None:
        try:
            size = os.path.getsize(remote)
            if size > limit_bytes:
                raise DeviceError(f"{remote} is {size} bytes, at most {limit_bytes} were expected")
            shutil.copyfile(remote, local)
        except OSError as error:
            raise DeviceError(f"{remote} could not be fetched: {error.strerror}") from error

    def probe(self) -> DeviceRecord:
        return DeviceRecord(
            kind=self._device.kind, emulated=self._device.emulated, arch=platform.machine(), cpu=cpu_model(),
            cores=os.cpu_count(), memory_bytes=memory_bytes(), os=platform.platform(),
            state={"governor": governor(), "load1": os.getloadavg()[0]},
        )

    def workspace(self) -> str:
        if self._folder is None:
            raise DeviceError("the local device is not connected")
        return tempfile.mkdtemp(dir=self._folder)

    def python(self) -> list[str]:
        # -I: neither the working folder nor PYTHONPATH nor user packages get into a measurement.
        return [sys.executable, "-I"]

    def runtime_library(self, engine: str) -> tuple[str | None, str]:
        if engine != "executorch":
            return None, ""
        library = executorch_runner(cache_root() / "native")
        return (str(library.path) if library.path else None), library.reason
