"""Wheels for a device's own Python: fetched for real, brought over a real sshd, and started there.

The device is this machine, its Python this one: what is particular to another architecture is shown on an emulated
machine in tests/e2e/test_wheels.py. Needs the network, or wheels where pip finds them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import posix_device
import pytest
import slow_link
import sshd
from ssh_device import MB, spec_of, trust_port

from edgerig.cli import devices as commands
from edgerig.devices import native, open_device
from edgerig.devices.brought import chosen
from edgerig.devices.bundle import wheel_set, wheels
from edgerig.devices.bundle.provision import provision_wheels
from edgerig.devices.bundle.wheel_set import WheelSet
from edgerig.devices.doctor import device_findings, host_findings
from edgerig.devices.installed import described
from edgerig.devices.local import LocalTransport
from edgerig.devices.own_python import DevicePython, python_for_wheels
from edgerig.errors import ConfigError, DeployMismatch, DeviceError
from edgerig.process import Finished

pytestmark = [pytest.mark.integration, pytest.mark.needs("g++")]

LOADS = """
import ctypes, os, sys
import ai_edge_litert.interpreter, numpy, onnxruntime
ctypes.CDLL(sys.argv[1])
maps = {line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if "site-packages" in line}
print(*{os.path.dirname(os.path.dirname(one.__file__)) for one in (numpy, onnxruntime)})
print(sorted(maps), sorted(set(os.environ) - {"LC_CTYPE", "PYTHONPATH"}), [p for p in sys.path if "-packages" in p])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[sshd.Sshd]:
    """With the user's own home, and so with the cache where the set lies."""
    with sshd.running(tmp_path / "sshd") as running:
        yield running


@pytest.fixture(scope="module")
def own() -> DevicePython:
    return python_for_wheels(LocalTransport(), sys.executable)


@pytest.fixture(scope="module")
def found(own: DevicePython) -> WheelSet:
    return wheel_set.wheel_set(own)


@pytest.fixture(scope="module")
def folder(own: DevicePython, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtimes' wheels as somebody with a network has downloaded them."""
    into = tmp_path_factory.mktemp("wheels")
    versions, _ = wheel_set.wanted(own)
    wheels.download(versions, own.minor, own.machine, into, own.glibc)
    return into


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose pip reaches no index, with an empty cache."""
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("cat", "env", "find", "mkdir", "rm", "sh", "touch"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(native, "SHIPPED", tmp_path / "none")


def test_they_are_brought_over_ssh_and_brought_once(server: sshd.Sshd, found: WheelSet) -> None:
    spec = spec_of(server, python=sys.executable)
    with posix_device.opened(spec) as device:
        assert device.executorch_library == f"{spec.workdir}/bundles/{found.key}/executorch/libedgerig_executorch.so"
        done = device.transport.run([*device.python, "-c", LOADS, device.executorch_library], 120)
        state = device.probe().state
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == [f"{spec.workdir}/bundles/{found.key}/packages", "[] [] []"]
    assert (state.runtime, state.wheels, state.bundle) == ("wheels", found.key, None)
    assert os.listdir(f"{spec.workdir}/bundles") == [found.key]
    with slow_link.slow_link(server.port) as link:
        trust_port(server, link.port)
        with posix_device.opened(spec_of(server, port=link.port, python=sys.executable)) as again:
            assert again.python == device.python
        assert link.carried < MB, "asked for, and found there"


def test_the_set_is_smaller_than_a_bundle_and_asking_again_costs_nothing(found: WheelSet, own: DevicePython) -> None:
    assert found.archive.stat().st_size < 60e6
    before = (found.folder / "manifest.json").stat().st_mtime_ns
    assert wheel_set.wheel_set(own) == found == wheel_set.cached(own)
    assert (found.folder / "manifest.json").stat().st_mtime_ns == before


def test_a_python_that_no_wheels_are_for_gets_a_bundle_unless_wheels_are_asked_for(
    server: sshd.Sshd, tmp_path: Path
) -> None:
    with LocalTransport() as here:
        choice = chosen(spec_of(server, python="true"), here, "x86_64")
        assert choice.python is None and "true does not work there" in choice.no_wheels
        assert chosen(spec_of(server, runtime="bundle", python=sys.executable), here, "x86_64").no_wheels == ""
        with pytest.raises(DeviceError, match="true does not work there") as caught:
            chosen(spec_of(server, runtime="wheels", python="true"), here, "x86_64")
    assert 'runtime = "bundle"' in caught.value.hint


def test_a_host_without_a_network_takes_them_from_a_folder(
    server: sshd.Sshd, folder: Path, offline: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_of(server, python=sys.executable)
    lacks = r"no wheel of numpy==[\d.]+ for Python 3\.\d+ on \w+ with glibc"
    with pytest.raises(DeviceError, match=lacks) as caught, open_device(spec):
        pass
    assert "provision NAME --from FOLDER" in caught.value.hint
    assert "bundle --from FILE" in caught.value.hint
    monkeypatch.setattr("edgerig.spec.load_device", lambda name: spec)
    with pytest.raises(ConfigError, match="is no folder"):
        commands.provision("board", folder / "none")
    commands.provision("board", folder)
    assert "runtime: wheels" in capsys.readouterr().out
    with posix_device.opened(spec) as device:
        assert device.runtime is not None and device.runtime.name == "wheels"


def test_a_wheel_that_is_missing_from_the_folder_is_named(
    own: DevicePython, folder: Path, tmp_path: Path, offline: None
) -> None:
    shutil.copytree(folder, tmp_path / "some", ignore=shutil.ignore_patterns("onnxruntime-*"))
    with pytest.raises(DeviceError, match=r"no wheel of onnxruntime==[\d.]+ .* in .*/some"):
        wheel_set.wheel_set(own, tmp_path / "some")


def test_without_a_runner_and_a_compiler_it_is_the_runner_alone_that_lacks(
    own: DevicePython, folder: Path, tmp_path: Path, offline: None, no_compiler: None
) -> None:
    made = wheel_set.wheel_set(own, folder)
    assert "is not installed" in made.no_runner and "apt-get install g++" in made.remedy
    assert [wheel["name"] for wheel in made.manifest["wheels"]] == ["numpy", "ai-edge-litert", "onnxruntime"]
    device = provision_wheels(LocalTransport(), str(tmp_path / "work"), made)
    assert (device.executorch_library, device.library_reason) == (None, made.no_runner)
    assert device.library_remedy == made.remedy
    done = device.transport.run([*device.python, "-c", "import numpy, onnxruntime; print('runs')"], 120)
    assert done.stdout == b"runs\n"


def test_what_arrives_changed_is_not_unpacked(found: WheelSet, tmp_path: Path) -> None:
    class Changing(LocalTransport):
        def push(self, local: Path, remote: str) -> None:
            super().push(local, remote)
            with open(remote, "r+b") as file:
                file.seek(5_000_000)
                file.write(b"changed on its way")

    with pytest.raises(DeployMismatch, match="arrived with sha256"):
        provision_wheels(Changing(), str(tmp_path), found)
    assert os.listdir(tmp_path / "bundles") == []


def test_an_unpacking_that_is_stopped_leaves_nothing(found: WheelSet, tmp_path: Path) -> None:
    class Limited(LocalTransport):
        """A device where no file may pass 5 MB: the kernel ends the program that unpacks."""

        def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
            limit = ["prlimit", "--fsize=5000000"] if "-I" in argv else []
            return super().run([*limit, *argv], timeout_s)

    with pytest.raises(DeviceError, match="could not be unpacked"):
        provision_wheels(Limited(), str(tmp_path), found)
    assert os.listdir(tmp_path / "bundles") == []


def test_doctor_and_probe_tell_what_is_brought(server: sshd.Sshd, found: WheelSet) -> None:
    spec = spec_of(server, python=sys.executable)
    assert [finding for finding in (*host_findings(spec), *device_findings(spec, "board")) if not finding.ok] == []
    before = described(spec, "board").state.model_dump()
    assert (before["runtime"], before["wheels"]) == ("wheels", None)
    assert before["reasons"]["wheels"] == "not brought to the device yet: edgerig devices provision board"
    with open_device(spec):
        pass
    after = described(spec, "board").state.model_dump()
    assert (after["runtime"], after["wheels"]) == ("wheels", found.key)
    assert after["numpy"] == wheels.installed_version("numpy")
