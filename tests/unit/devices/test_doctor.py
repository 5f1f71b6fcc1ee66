"""What this host lacks for a device, told from the programs that are really there. The rest of the doctor is tested on
real devices, in tests/integration/test_doctor.py."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgerig.devices import bundle as bundles
from edgerig.devices.bundle import cached, debian
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.devices.doctor import host_findings
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.kinds.qemu_user import QemuUserDevice
from edgerig.devices.kinds.ssh import SshDevice
from edgerig.spec import Device

BUILDERS = ("apt-get", "dpkg-deb")
LOCAL = LocalDevice(name="here", kind="local")
EMULATED = QemuUserDevice(name="pi", kind="qemu-user", cpu="cortex-a72")
SSH = SshDevice(name="board", kind="ssh", host="board.invalid", runtime="bundle")
ADB = AdbDevice(name="phone", kind="adb")
UBUNTU = """\
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble noble-updates noble-backports
Components: main restricted universe multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""
DEBIAN = UBUNTU.replace("noble", "trixie").replace("ubuntu", "debian")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A Debian host with an empty cache; gives a function that installs programs."""
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CXX", raising=False)
    (tmp_path / "bin").mkdir()
    apt_of(tmp_path, monkeypatch, DEBIAN)

    def install(*programs: str) -> None:
        for program in programs:
            (tmp_path / "bin" / program).symlink_to(shutil.which("true", path=os.defpath))

    return install


def apt_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    read = debian.machine_sources
    (tmp_path / "etc" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "etc" / "sources.list.d" / "system.sources").write_text(sources)
    monkeypatch.setattr(debian, "machine_sources", lambda etc: read(tmp_path / "etc"))


def fixes(spec: Device) -> list[str]:
    return [finding.fix for finding in host_findings(spec) if not finding.ok]


def keep_bundle(arch: str) -> None:
    """As far as the cache can tell, the bundle for `arch` is built."""
    _, pointer = bundles.wanted(ARCHITECTURES[arch])
    folder = pointer.parent / f"key-{arch}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"wheels": []}))
    pointer.write_text(folder.name)
    assert cached(arch).key == folder.name


@pytest.mark.parametrize("spec", [LOCAL, EMULATED])
def test_a_c_compiler_is_not_enough(host: Callable[..., None], monkeypatch: pytest.MonkeyPatch, spec: Device) -> None:
    host("gcc", "qemu-aarch64", "aarch64-linux-gnu-g++", *BUILDERS)
    assert fixes(spec) == ["sudo apt-get install g++"]
    host("clang++")
    assert fixes(spec) == []
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    assert fixes(spec) == ["unset CXX, or name a C++ compiler there"]
    monkeypatch.setenv("CXX", "gcc -O2")
    assert fixes(spec) == []


def test_what_a_bundle_is_built_with_is_not_needed_once_it_is_built(host: Callable[..., None]) -> None:
    host("g++", "qemu-aarch64")
    assert fixes(EMULATED) == [debian.CARRY] * 3, "there is no apt to install anything with"
    assert fixes(SSH) == [debian.CARRY] * 2, "which compiler is known when the device has told its architecture"
    host("apt-get")
    needed = ["sudo apt-get install dpkg", "sudo apt-get install g++-aarch64-linux-gnu"]
    assert fixes(EMULATED) == needed
    keep_bundle("x86_64")
    assert fixes(EMULATED) == needed
    keep_bundle("aarch64")
    assert fixes(EMULATED) == fixes(SSH) == []


@pytest.mark.parametrize("spec", [SSH, ADB, EMULATED])
def test_apt_that_knows_no_debian_archive_is_named(
    host: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Device
) -> None:
    host("g++", "adb", "qemu-aarch64", "aarch64-linux-gnu-g++", *BUILDERS)
    assert fixes(spec) == []
    shutil.rmtree(tmp_path / "etc")
    monkeypatch.undo()
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    apt_of(tmp_path, monkeypatch, UBUNTU)
    (remedy,) = fixes(spec)
    assert "Debian container" in remedy


def test_a_device_with_its_own_python_needs_no_bundle(host: Callable[..., None]) -> None:
    assert fixes(SSH.model_copy(update={"runtime": "system"})) == []


@pytest.mark.parametrize("runtime", [None, "wheels"])
def test_one_that_may_get_wheels_needs_no_more_than_pip(
    host: Callable[..., None], monkeypatch: pytest.MonkeyPatch, runtime: str | None
) -> None:
    spec = SSH.model_copy(update={"runtime": runtime})
    assert fixes(spec) == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [fix.endswith(" -m ensurepip") for fix in fixes(spec)] == [True]
