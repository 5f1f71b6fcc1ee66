"""edgerig from its own wheel, on a host without compilers, apt and dpkg, over SSH to an emulated arm64 machine with its
own Debian Python: wheels are brought there, and what runs with them computes what the bundle computes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from e2e.commands import QUICK, Ended
from e2e.wheel import wheel as wheel

from edgerig.cache import cache_root
from edgerig.devices.kinds.qemu_system import QemuSystemDevice
from edgerig.devices.qemu.system import WORKDIR, machine
from edgerig.devices.qemu.vm_image import vm_image

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),  # the sweep is the fixture's
    pytest.mark.needs("qemu-system-arm", "e2fsprogs", "g++", "g++-aarch64-linux-gnu"),
]

BOARD, TWIN = "board", "qemu-vm"
"""A machine over SSH whose file says no `runtime`, and the like of it that runs the bundle from a disk of its own."""
SWEEP = (
    f'models = ["digits_cnn"]\nrecipes = ["int8-static"]\ndevices = ["{BOARD}", "{TWIN}"]\nout = "reports"\n' + QUICK
)


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """edgerig's wheel, unpacked where it would be installed."""
    out = tmp_path_factory.mktemp("installed")
    assert wheel.name.endswith("-py3-none-any.whl")
    zipfile.ZipFile(wheel).extractall(out / "site")
    return out / "site"


@pytest.fixture(scope="module")
def swept(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A sweep with what lies built in the cache, but for wheels and native parts; the bundle comes from a file."""
    folder = tmp_path_factory.mktemp("wheels")
    cache, programs = folder / "cache", folder / "bin"
    cache.mkdir()
    for kind in ("artifact", "data", "reference", "vm"):
        (cache_root() / kind).mkdir(parents=True, exist_ok=True)
        (cache / kind).symlink_to(cache_root() / kind)
    programs.mkdir()
    for program in ("env", "git", "sh", "uname"):
        if shutil.which(program):
            (programs / program).symlink_to(str(shutil.which(program)))
    (folder / "devices").mkdir()
    given = {**os.environ, "PYTHONPATH": str(site), "EDGERIG_CACHE": str(cache)}

    def edgerig(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "edgerig", *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=1200, env={**given, "PATH": path}
        )

    carried = str(folder / "bundle.tar")
    given["EDGERIG_CACHE"] = str(cache_root())
    assert edgerig("devices", "bundle", "aarch64", "--to", carried, path=os.environ["PATH"]).returncode == 0
    given["EDGERIG_CACHE"] = str(cache)
    assert edgerig("devices", "bundle", "--from", carried, path=str(programs)).returncode == 0
    (folder / "sweep.toml").write_text(SWEEP)
    spec = QemuSystemDevice(name="vm", kind="qemu-system", cpu="cortex-a72")
    with machine(spec, vm_image(cache_root() / "vm")) as login:
        (folder / "devices" / f"{BOARD}.toml").write_text(
            f'kind = "ssh"\nemulated = true\nhost = "127.0.0.1"\nport = {login.port}\nuser = "{login.user}"\n'
            f'key = "{login.key}"\nknown_hosts = "{login.known_hosts}"\nproxy_jump = "none"\nworkdir = "{WORKDIR}"\n'
        )
        done = edgerig("sweep", "sweep.toml", path=str(programs))
    assert done.returncode == 0, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr, folder)


def test_every_engine_runs_with_the_devices_own_python(swept: Ended) -> None:
    cells = list(swept.cells.values())
    assert {(cell["format"], cell["device"]) for cell in cells} == {
        (made, device) for made in ("tflite", "executorch", "onnx") for device in (BOARD, TWIN)
    }
    assert {cell["status"] for cell in cells} == {"ok"}
    state = swept.results["devices"][BOARD]["state"]
    assert (state["runtime"], len(state["wheels"])) == ("wheels", 16)


def test_their_outputs_are_the_bundles_to_the_bit(swept: Ended) -> None:
    compared = 0
    for cell in swept.cells:
        if f"@{BOARD}/" in cell:
            for output in sorted((swept.run / "raw" / cell).glob("output_*.npy")):
                twin = swept.run / "raw" / cell.replace(f"@{BOARD}/", f"@{TWIN}/") / output.name
                np.testing.assert_array_equal(np.load(output), np.load(twin))
                compared += 1
    assert compared == 3
