"""Real bundles: what is in them, and how they come to a device.

Needs Debian's `g++`, `g++-aarch64-linux-gnu` and `qemu-user`, and the network when the cache has no bundle yet. The
bundle of this machine's architecture shows natively, and so quickly, what all of them do.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import posix_device
import pytest

from edgerig.devices.bundle import Bundle, bundle
from edgerig.devices.bundle.provision import provision
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.devices.local import LocalTransport
from edgerig.errors import DeployMismatch, DeviceError
from edgerig.process import Finished

pytestmark = [pytest.mark.integration, pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")]

NATIVE = platform.machine()
ARCHITECTURES = ("aarch64", "x86_64")
ELF = b"\x7fELF"


class Counted(LocalTransport):
    """This machine as a device, with a record of what was pushed."""

    def __init__(self) -> None:
        self.pushed: list[str] = []

    def push(self, local: Path, remote: str) -> None:
        self.pushed.append(local.name)
        super().push(local, remote)


class Emulated(Counted):
    """This machine as an arm64 device: programs below the workdir run under QEMU, which is told no path of the host."""

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        under = ["qemu-aarch64"] if "/bundles/" in argv[0] else []
        return super().run([*under, *argv], timeout_s)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def built(request: pytest.FixtureRequest) -> Bundle:
    return bundle(request.param)


def test_it_is_small_enough_to_push(built: Bundle) -> None:
    assert built.archive.stat().st_size == built.manifest["archive_bytes"] < 120e6


def test_asking_again_costs_nothing(built: Bundle) -> None:
    before = (built.folder / "manifest.json").stat().st_mtime_ns
    begin = time.monotonic()
    assert bundle(built.architecture.name) == built
    assert time.monotonic() - begin < 5, "unpacking alone takes longer"
    assert (built.folder / "manifest.json").stat().st_mtime_ns == before


def test_it_needs_no_library_of_the_device(built: Bundle) -> None:
    files = [path for path in built.root.rglob("*") if path.is_file()]
    here = {path.name for path in files}
    programs = [path for path in files if not path.is_symlink() and path.read_bytes()[:4] == ELF]
    assert len(programs) > 80
    said = subprocess.run(["readelf", "-d", *programs], capture_output=True, text=True, check=True, timeout=120).stdout
    needed = {line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line}
    assert needed - here == set()


def test_it_holds_the_licences_of_what_it_holds(built: Bundle) -> None:
    licences = built.root / "licences"
    named = {part["name"]: part["version"] for part in built.manifest["packages"]}
    for name, version in named.items():
        assert len((licences / f"{name}.copyright").read_text(encoding="utf-8")) > 400, name
        assert f"{name} {version}" in (licences / "README").read_text()
    assert "GPL-2" in (licences / "busybox-static.copyright").read_text()
    assert "Version 2, June 1991" in (licences / "common-licenses/GPL-2").read_text()
    wheels = [part["name"].replace("-", "_") for part in built.manifest["wheels"] if part["name"] != "executorch"]
    for name in wheels:
        (info,) = (built.root / "lib/python3/dist-packages").glob(f"{name}-*.dist-info")
        assert (
            "licen" in " ".join(path.as_posix().lower() for path in info.rglob("*"))
            or "Licen" in (info / "METADATA").read_text()
        ), name


def test_it_points_nowhere_outside(built: Bundle) -> None:
    links = [path for path in built.root.rglob("*") if path.is_symlink()]
    assert [path for path in links if not path.resolve().is_relative_to(built.root)] == []
    assert [path for path in links if not path.exists()] == []


def test_it_holds_the_versions_installed_here(built: Bundle) -> None:
    from importlib.metadata import version

    held = {wheel["name"]: wheel["version"] for wheel in built.manifest["wheels"]}
    assert held == {name: version(name) for name in ("numpy", "ai-edge-litert", "onnxruntime", "executorch")}


@pytest.fixture
def device() -> Counted:
    return Counted()


def python(transport: LocalTransport, command: Sequence[str], code: str) -> str:
    done = transport.run([*command, "-c", code], 120)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def left_over(workdir: Path) -> list[str]:
    return [path.name for path in (workdir / "bundles").iterdir() if path.name.startswith(".")]


def test_it_is_pushed_once(device: Counted, tmp_path: Path) -> None:
    first = provision(device, str(tmp_path), NATIVE)
    assert device.pushed == ["busybox", "archive.tar.gz"]
    assert provision(device, str(tmp_path), NATIVE) == first
    assert device.pushed == ["busybox", "archive.tar.gz"]
    assert left_over(tmp_path) == []


def test_it_runs_with_nothing_of_the_devices(device: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three runtimes load, and every library and module in the process comes from the bundle."""
    monkeypatch.setenv("HOME", "/nonexistent")
    workdir = tmp_path / "a folder"
    opened = provision(device, str(workdir), NATIVE)
    code = f"""
import ctypes, importlib.util, os, sys
import ai_edge_litert.interpreter, numpy, onnxruntime
ctypes.CDLL({opened.executorch_library!r})
maps = {{line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if ".so" in line}}
print([path for path in [*maps, *sys.path] if not path.startswith({str(workdir)!r})])
print(sorted(set(os.environ) - {{"LC_CTYPE"}}))
print(importlib.util.find_spec("torch"))
"""
    assert python(device, opened.python, code).splitlines() == ["[]", "[]", "None"]


def test_every_module_of_the_standard_library_it_kept_can_be_imported(device: Counted, tmp_path: Path) -> None:
    opened = provision(device, str(tmp_path), NATIVE)
    code = """
import glob, importlib, os, sys
folder = next(path for path in sys.path if path.endswith("lib-dynload"))
for path in sorted(glob.glob(os.path.join(folder, "*.so"))):
    importlib.import_module(os.path.basename(path).partition(".")[0])
import asyncio, bz2, hashlib, json, lzma, multiprocessing, tempfile, unittest, uuid, zipfile, zlib
print(hashlib.sha256(b"").hexdigest()[:8])
"""
    assert python(device, opened.python, code) == "e3b0c442"


def test_two_hosts_may_bring_it_at_once(tmp_path: Path) -> None:
    devices = [Counted(), Counted()]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: provision(one, str(tmp_path), NATIVE), devices))
    assert found[0].python == found[1].python
    assert left_over(tmp_path) == []
    assert python(devices[0], found[0].python, "print('runs')") == "runs"


def test_a_link_cut_while_pushing_leaves_nothing_and_is_made_good(tmp_path: Path) -> None:
    class Cut(LocalTransport):
        def push(self, local: Path, remote: str) -> None:
            super().push(local, remote)
            if local.suffix == ".gz":
                os.truncate(remote, 1_000_000)
                raise DeviceError("the link was cut")

    with pytest.raises(DeviceError, match="the link was cut"):
        provision(Cut(), str(tmp_path), NATIVE)
    assert os.listdir(tmp_path / "bundles") == []
    device = Counted()
    provision(device, str(tmp_path), NATIVE)
    assert device.pushed == ["busybox", "archive.tar.gz"]


def test_what_arrives_changed_is_not_started(tmp_path: Path) -> None:
    class Changing(LocalTransport):
        def push(self, local: Path, remote: str) -> None:
            super().push(local, remote)
            if local.suffix == ".gz":
                with open(remote, "r+b") as file:
                    file.seek(5_000_000)
                    file.write(b"changed on its way")

    with pytest.raises(DeployMismatch, match="arrived with sha256"):
        provision(Changing(), str(tmp_path), NATIVE)
    assert os.listdir(tmp_path / "bundles") == []


def test_an_unpacking_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    class Limited(LocalTransport):
        """A device where no file may pass 20 MB: the kernel ends the program that unpacks."""

        def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
            limit = ["prlimit", "--fsize=20000000"] if "tar" in argv else []
            return super().run([*limit, *argv], timeout_s)

    with pytest.raises(DeviceError, match="could not be unpacked") as caught:
        provision(Limited(), str(tmp_path), NATIVE)
    assert "300 MB" in caught.value.hint
    assert os.listdir(tmp_path / "bundles") == []


def test_a_folder_that_cannot_be_written_is_named(device: Counted, tmp_path: Path) -> None:
    (tmp_path / "bundles").write_text("in the way")
    with pytest.raises(DeviceError, match="could not be given a folder"):
        provision(device, str(tmp_path), NATIVE)


def test_what_a_dead_host_left_is_removed_in_time(device: Counted, tmp_path: Path) -> None:
    old, fresh = tmp_path / "bundles" / ".new-old", tmp_path / "bundles" / ".new-fresh"
    for path in (old, fresh):
        (path / "root").mkdir(parents=True)
    os.utime(old, (0, 0))
    provision(device, str(tmp_path), NATIVE)
    assert left_over(tmp_path) == [".new-fresh"]


def test_the_arm64_bundle_unpacks_itself_by_arm64_programs_alone(tmp_path: Path) -> None:
    """Under QEMU, with no binfmt: what would start another program of the bundle is left out."""
    device = Emulated()
    opened = provision(device, str(tmp_path), "aarch64")
    assert device.pushed == ["busybox", "archive.tar.gz"]
    started = opened.python[opened.python.index("-i") + 1 :]
    assert python(device, started, "import platform; print(platform.machine())") == "aarch64"
    assert left_over(tmp_path) == []


def test_a_host_that_cannot_build_one_takes_it_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No apt, no dpkg, no cross compiler, an empty cache: the command line, then arm64 programs."""
    command = [sys.executable, "-m", "edgerig", "devices", "bundle"]
    file = str(tmp_path / "bundle.tar")
    written = subprocess.run([*command, "aarch64", "--to", file], capture_output=True, text=True, check=True)
    (tmp_path / "bin").mkdir()
    for program in ("env", "qemu-aarch64", "sh", "setarch"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DeviceError, match="not installed"):
        bundle("aarch64")
    taken = subprocess.run([*command, "--from", file], capture_output=True, text=True, check=True)
    assert taken.stdout.splitlines() == written.stdout.splitlines()[:2]
    assert "onnxruntime" in taken.stdout
    with posix_device.opened(QemuUserDevice(name="emulated", kind="qemu-user", cpu="cortex-a72")) as device:
        code = "import platform, numpy, onnxruntime, ai_edge_litert.interpreter; print(platform.machine())"
        done = device.transport.run([*device.python, "-c", code], 120)
        assert (done.returncode, done.stdout) == (0, b"aarch64\n"), done.stderr
        assert device.executorch_library is not None and Path(device.executorch_library).is_file()
