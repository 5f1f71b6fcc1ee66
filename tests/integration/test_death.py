"""What is told of a runner that died: an instruction the processor really lacks, and the kernel's real OOM killer.

Needs Debian's `qemu-user qemu-system-arm g++ g++-aarch64-linux-gnu`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import made_up
import numpy as np
import posix_device
import pytest

from edgerig.devices.device import CellJob, PosixDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.errors import RunnerCrashed
from edgerig.spec import RunSettings

pytestmark = pytest.mark.integration

CELL = "m-torch-executorch-fp32@d/t1"
GREEDY = "kept = []\nwhile True: kept.append(b'x' * 2**24)"


def death(device: PosixDevice, tmp_path: Path) -> RunnerCrashed:
    """How a run on `device` ends, which must end badly and leave no job there."""
    file, inputs = tmp_path / "model.pte", [np.zeros((1, 1), np.float32)]
    artifact, settings = made_up.artifact(file, "executorch"), RunSettings(timeout_s=120)
    with pytest.raises(RunnerCrashed) as caught:
        into = tmp_path / "raw"
        device.execute(CellJob(CELL, artifact, file, inputs, made_up.PLACEMENT, settings, into, device.probe()))
    assert device.transport.run(["ls", device.workdir], 60).stdout.strip() in (b"", b"store"), "the device is clean"
    return caught.value


@contextlib.contextmanager
def with_library(spec: QemuUserDevice | LocalDevice, compiler: str, code: str, tmp_path: Path) -> Iterator[PosixDevice]:
    """The device with an ExecuTorch runner that executes `code` as soon as it is loaded."""
    source, library = tmp_path / "faulty.c", tmp_path / "faulty.so"
    source.write_text(f'__attribute__((constructor)) static void start(void) {{ __asm__ volatile("{code}"); }}')
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=60)
    with posix_device.opened(spec) as device:
        yield dataclasses.replace(device, executorch_library=str(library))


@pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            ".arch armv8.2-a+dotprod\\n sdot v0.4s, v1.16b, v2.16b",
            "SDOT/UDOT (instruction 0x4e829420) needs asimddp (dotprod), which the device's processor does not list",
        ),
        (".inst 0x00000000", "instruction 0x00000000; the device lists asimd"),
    ],
)
def test_an_instruction_the_emulated_processor_lacks_names_the_feature(code: str, told: str, tmp_path: Path) -> None:
    spec = QemuUserDevice(name="d", kind="qemu-user", cpu="cortex-a72")
    with with_library(spec, "aarch64-linux-gnu-gcc", code, tmp_path) as device:
        error = death(device, tmp_path)
    assert f"{CELL}: the runner ended by SIGILL: {told}" in error.message
    assert "CPU feature" in error.hint


@pytest.mark.needs("g++")
def test_on_this_machine_the_bytes_are_told(tmp_path: Path) -> None:
    with with_library(LocalDevice(name="d", kind="local"), "gcc", ".byte 0x0f, 0x0b, 0xc3", tmp_path) as device:
        error = death(device, tmp_path)
    assert "SIGILL: instruction 0f 0b c3" in error.message


@pytest.mark.needs("qemu-system-arm", "e2fsprogs", "g++-aarch64-linux-gnu")
def test_the_oom_killer_of_a_real_kernel_is_named(tmp_path: Path) -> None:
    spec = QemuSystemDevice(name="d", kind="qemu-system", cpu="cortex-a72", memory_mib=384)
    with posix_device.opened(spec) as device:
        error = death(dataclasses.replace(device, python=(*device.python, "-c", GREEDY)), tmp_path)
        assert device.transport.run(["true"], 60).returncode == 0, "the machine lives on"
    assert f"{CELL}: the runner ended by SIGKILL: the kernel's OOM killer took it" in error.message
    assert "(/proc/vmstat oom_kill 0 → 1)" in error.message
    assert "MiB were available before" in error.message
    assert "memory" in error.hint


def test_a_runner_killed_by_somebody_is_not_put_on_the_oom_killer(tmp_path: Path) -> None:
    kill = "import os; os.kill(os.getpid(), 9)"
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        error = death(dataclasses.replace(device, python=(*device.python, "-c", kill)), tmp_path)
    assert "SIGKILL: not by the kernel's OOM killer" in error.message
