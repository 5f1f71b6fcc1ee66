"""A device that reboots in the middle of a sweep: a real machine, emulated, that is reset while a runner is at work."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.commands import QUICK, Edgerig

from edgerig.cache import cache_root
from edgerig.devices.bundle import bundle
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.devices.qemu import system
from edgerig.devices.qemu.system import BUNDLE_ROOT, WORKDIR, VmTransport, machine
from edgerig.devices.qemu.vm_image import bundle_disk, vm_image

pytestmark = [pytest.mark.e2e, pytest.mark.needs("qemu-system-arm", "e2fsprogs", "g++-aarch64-linux-gnu")]

SPEC = QemuSystemDevice(name="board", kind="qemu-system", cpu="cortex-a72")
BOOT = ["cat", "/proc/sys/kernel/random/boot_id"]
SWEEP = 'models = ["digits_cnn"]\nformats = ["tflite"]\nrecipes = ["fp32", "int8-dynamic"]\ndevices = ["board"]\n'


@pytest.fixture
def board(edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SshDevice, Path]]:
    """A machine that may be reset through QEMU's monitor, and the device file that leads to it."""
    monitor = edgerig.folder / "monitor"
    plain = system._command

    def with_monitor(*arguments: Any) -> list[str]:
        command = [word for word in plain(*arguments) if word != "-no-reboot"]
        return [*command, "-qmp", f"unix:{monitor},server=on,wait=off"]

    monkeypatch.setattr(system, "_command", with_monitor)
    runtimes, cache = bundle("aarch64"), cache_root() / "vm"
    with machine(SPEC, vm_image(cache), [bundle_disk(runtimes, cache)]) as login:
        with VmTransport(SPEC, login) as transport:
            python = edgerig.folder / "python"
            python.write_text(f'#!/bin/sh\nexec {" ".join(runtimes.python(BUNDLE_ROOT))} "$@"\n')
            transport.push(python, "/home/edgerig/python")
            assert transport.run(["sh", "-c", "chmod 755 python && sync"], 60).returncode == 0
        (edgerig.folder / "devices").mkdir()
        (edgerig.folder / "devices" / "board.toml").write_text(
            f'kind = "ssh"\nemulated = true\nhost = "127.0.0.1"\nport = {login.port}\nuser = "{login.user}"\n'
            f'key = "{login.key}"\nknown_hosts = "{login.known_hosts}"\nruntime = "system"\n'
            f'python = "/home/edgerig/python"\nworkdir = "{WORKDIR}"\n'
        )
        yield login, monitor


def reset(monitor: Path) -> None:
    """QEMU's system_reset: the guest gets no word of it, as with a button."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(monitor))
        with link.makefile("rw") as talk:
            json.loads(talk.readline())
            for command in ("qmp_capabilities", "system_reset"):
                talk.write(json.dumps({"execute": command}) + "\n")
                talk.flush()
                assert "error" not in json.loads(talk.readline())


def test_a_device_that_reboots_costs_the_cell_at_work_and_no_other(
    edgerig: Edgerig, board: tuple[SshDevice, Path]
) -> None:
    login, monitor = board
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + 'out = "reports"\n' + QUICK + "limit = 20\n"))
    with VmTransport(SPEC, login) as transport:
        seen = f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q '{WORKDIR}/[j]ob-[^ ]*/runner.pyz {WORKDIR}/'"
        assert transport.run(["sh", "-c", f"until {seen}; do sleep 0.5; done"], 300).returncode == 0
        before = transport.run(BOOT, 30).stdout
        reset(monitor)
    _, err = sweep.communicate(timeout=500)
    assert sweep.returncode == 1, err
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    cells = json.loads((run / "results.json").read_text())["cells"]
    failed = [cell for cell in cells if cell["status"] != "ok"]
    assert [cell["error"]["kind"] for cell in failed] == ["Unreachable"], err
    assert "rebooted" in failed[0]["error"]["hint"]
    assert len(cells) == 2
    with VmTransport(SPEC, login) as transport:
        assert transport.run(BOOT, 30).stdout != before
        left = transport.run(["sh", "-c", 'ls -d "$1"/job-*', "sh", WORKDIR], 30).stdout
        assert left == b"", "the lost cell's folder went before the next cell"
