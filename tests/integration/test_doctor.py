"""`edgerig devices doctor`, `probe` and `clean` on a device over a real sshd and under a real QEMU.

Its verdict is held against what a sweep would meet: what it calls ok opens, and what does not open it names.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import adbd
import pytest
import sshd
from ssh_device import spec_of

from edgerig.cli import devices as commands
from edgerig.devices import bundle as bundles
from edgerig.devices import open_device, transport_to
from edgerig.devices.bundle.userland import ARCHITECTURES
from edgerig.devices.doctor import _TRY_WORKDIR, device_findings
from edgerig.devices.installed import described
from edgerig.devices.kinds.adb import AdbDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.local import LocalTransport
from edgerig.errors import DeviceError
from edgerig.spec import Device, RemoteDevice, load_device

pytestmark = pytest.mark.integration

NATIVE = platform.machine()
DISTRIBUTIONS = ("numpy", "ai-edge-litert", "onnxruntime", "executorch")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[sshd.Sshd]:
    with sshd.running(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERIG_CACHE", str(tmp_path / "cache"))


def keep_bundle(arch: str, key: str) -> None:
    """As far as the cache can tell, the bundle for `arch` is built."""
    _, pointer = bundles.wanted(ARCHITECTURES[arch])
    (pointer.parent / key).mkdir(parents=True)
    wheels = [{"name": name, "version": f"1.{number}"} for number, name in enumerate(DISTRIBUTIONS)]
    (pointer.parent / key / "manifest.json").write_text(json.dumps({"wheels": wheels}))
    pointer.write_text(key)


def amiss(spec: Device) -> dict[str, str]:
    """What is missing, with what puts it right."""
    return {finding.what: finding.fix for finding in device_findings(spec, "board") if not finding.ok}


def tools(folder: Path, **fakes: str) -> str:
    """A PATH with every program of this machine's, but for `fakes`: what the shell script of that name does instead."""
    folder.mkdir()
    for name, body in fakes.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def without(folder: Path, program: str) -> str:
    """A PATH with every program of this machine's but one."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(":")):
        for path in Path(place).glob("*"):
            link = folder / path.name
            if path.name != program:
                link.unlink(missing_ok=True)
                link.symlink_to(path)
    return str(folder)


def test_the_compiler_of_the_devices_architecture_is_asked_for(
    server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: None
) -> None:
    wanted, spec = ARCHITECTURES[NATIVE], spec_of(server, runtime="bundle")
    assert amiss(spec) == {}
    monkeypatch.setenv("PATH", without(tmp_path / "bin", wanted.compiler))
    found = amiss(spec)
    assert list(found.values()) == [f"sudo apt-get install {wanted.compiler_package}"]
    with pytest.raises(DeviceError, match="is not installed") as caught, open_device(spec):
        pass
    assert wanted.compiler_package in caught.value.hint


def test_a_system_no_bundle_is_made_for(tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", uname='[ "$1" = -m ] && echo armv7l || echo Linux 6')
    with sshd.running(tmp_path / "sshd", f"SetEnv=PATH={path}") as server:
        assert amiss(spec_of(server)) == {
            "architecture armv7l: no bundle is made for it": (
                'a 64-bit system there, or runtime = "system" in the device file'
            )
        }
        assert amiss(spec_of(server, runtime="system", python=sys.executable)) == {}


def test_the_devices_own_python_is_looked_into(server: sshd.Sshd, tmp_path: Path) -> None:
    assert amiss(spec_of(server, runtime="system", python=sys.executable)) == {}
    assert "no-such-python" in next(iter(amiss(spec_of(server, runtime="system", python="no-such-python"))))
    venv.create(tmp_path / "venv", symlinks=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    ((what, fix),) = amiss(spec_of(server, runtime="system", python=python)).items()
    assert "lacks numpy" in what and f"{python} -m pip install numpy" in fix
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    for name in ("numpy", "onnxruntime"):
        here = Path(str(distribution(name).locate_file("")))
        for path in (here / name, *here.glob(f"{name}-*.dist-info")):
            (packages / path.name).symlink_to(path)
    spec = spec_of(server, runtime="system", python=python)
    assert amiss(spec) == {
        f"{name} in {python}": f"on the device: {python} -m pip install {name}"
        for name in ("ai-edge-litert", "executorch")
    }
    state = described(spec, "board").state.model_dump()
    assert [state[name] for name in DISTRIBUTIONS] == [version("numpy"), None, version("onnxruntime"), None]
    assert state["reasons"]["executorch"] == f"not installed for {python}"
    assert "bundle" not in state


@pytest.mark.parametrize("runtime", ["bundle", "system"])
def test_a_workdir_that_cannot_be_used_is_named(server: sshd.Sshd, runtime: str) -> None:
    spec = spec_of(server, workdir="/proc/edgerig", runtime=runtime, python=sys.executable)
    (what,) = (what for what in amiss(spec) if "/proc/edgerig" in what)
    assert '"workdir"' in amiss(spec)[what]


@pytest.mark.needs("user namespaces")
def test_a_workdir_where_no_program_may_run_is_found_out(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs -o noexec none "$1" && exec sh -c "$2" try "$1"'
    with LocalTransport() as here:
        plain = here.run(["sh", "-c", _TRY_WORKDIR, "try", str(tmp_path)], 30)
        assert (plain.returncode, plain.stdout) == (0, b"")
        noexec = here.run(["unshare", "-rm", "sh", "-c", mounted, "sh", str(tmp_path), _TRY_WORKDIR], 30)
        assert (noexec.returncode, noexec.stdout) == (0, b"noexec\n"), noexec.stderr
    assert list(tmp_path.iterdir()) == []


def test_space_is_asked_for_what_is_still_to_be_brought(tmp_path: Path, empty_cache: None) -> None:
    row = "echo head; echo /dev/x 9000000 8800000 200000 98% /"
    with sshd.running(tmp_path / "sshd", f"SetEnv=PATH={tools(tmp_path / 'bin', df=row)}") as server:
        keep_bundle(NATIVE, "0" * 16)
        spec = spec_of(server, runtime="bundle")
        assert amiss(spec) == {
            "205 MB free, 350 MB are needed": (
                f"edgerig devices clean board, or free space in {server.folder / 'work'} on the device"
            )
        }
        reason = described(spec, "board").state.reasons["numpy"]
        assert reason == "not brought to the device yet: edgerig devices provision board"
        there = server.folder / "work" / "bundles" / ("0" * 16)
        there.mkdir(parents=True)
        (there / "complete").write_text("0" * 16)
        assert amiss(spec) == {}
        state = described(spec, "board").state.model_dump()
        assert (state["bundle"], state["numpy"], state["executorch"]) == ("0" * 16, "1.0", "1.3")
        assert amiss(spec_of(server, runtime="system", python=sys.executable)) == {}


def test_a_bundle_that_is_built_nowhere_has_no_versions_to_tell(server: sshd.Sshd, empty_cache: None) -> None:
    reasons = described(spec_of(server, runtime="bundle"), "ssh://me@board:22").state.reasons
    said = f"not built for {NATIVE} on this host: edgerig devices provision ssh://me@board:22"
    assert {reasons[name] for name in ("bundle", *DISTRIBUTIONS)} == {said}


def test_a_phone_is_looked_over(monkeypatch: pytest.MonkeyPatch, empty_cache: None) -> None:
    with adbd.adb_target() as target:
        for key, value in target.environment.items():
            monkeypatch.setenv(key, value)
        phone = AdbDevice(name="phone", kind="adb", connect=target.address)
        assert amiss(phone) == {}
        assert "/proc/edgerig could not be made" in next(
            iter(amiss(phone.model_copy(update={"workdir": "/proc/edgerig"})))
        )


@pytest.mark.needs("g++")
def test_the_local_runner_that_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch, empty_cache: None) -> None:
    here = LocalDevice(name="here", kind="local")
    monkeypatch.setenv("CXX", "false")
    ((what, _),) = amiss(here).items()
    assert "the ExecuTorch runner was not compiled" in what


@pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu")
def test_the_plugin_an_emulator_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As QEMU 9 and newer do."""
    real = shutil.which("qemu-aarch64")
    refuses = f'case $2 in *check=on) echo "plugin requires API 2" >&2; exit 1 ;; esac; exec {real} "$@"'
    monkeypatch.setenv("PATH", tools(tmp_path / "bin", **{"qemu-aarch64": refuses}))
    found = amiss(load_device("qemu-rpi4"))
    assert len(found) == 1 and "plugin requires API 2" in next(iter(found))
    with pytest.raises(SystemExit) as ended:
        commands.doctor("qemu-rpi4")
    assert ended.value.code == 5
    assert "plugin requires API 2" in capsys.readouterr().out
    commands.probe("qemu-rpi4", as_json=True)
    state = json.loads(capsys.readouterr().out)["state"]
    assert "plugin requires API 2" in state["reasons"]["guest_instructions"]
    assert state["numpy"] == version("numpy")


@pytest.mark.parametrize("kind", ["ssh", "adb"])
def test_to_look_removes_nothing(
    kind: str, server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch, empty_cache: None
) -> None:
    """What interrupted jobs left is for `clean` and for the next sweep: on no kind of device is it the doctor's."""
    with contextlib.ExitStack() as stack:
        spec: RemoteDevice = spec_of(server)
        if kind == "adb":
            target = stack.enter_context(adbd.adb_target())
            for key, value in target.environment.items():
                monkeypatch.setenv(key, value)
            spec = AdbDevice(name="phone", kind="adb", connect=target.address)
        transport = stack.enter_context(transport_to(spec))
        transport.prepare()
        left = ["job-old", "store/old.part"]
        make = (
            'cd "$1" && mkdir -p job-old store && touch store/old.part && touch -t 202001010000 job-old store/old.part'
        )
        assert transport.run(["sh", "-c", make, "make", spec.workdir], 30).returncode == 0
        device_findings(spec, "board")
        described(spec, "board")
        for name in left:
            assert transport.run(["ls", "-d", f"{spec.workdir}/{name}"], 30).returncode == 0, name


def test_clean_removes_stored_files_and_old_bundles(
    server: sshd.Sshd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    empty_cache: None,
) -> None:
    spec = spec_of(server, runtime="bundle")
    keep_bundle(NATIVE, "0" * 16)
    for key in ("0" * 16, "1" * 16):
        there = Path(spec.workdir) / "bundles" / key
        there.mkdir(parents=True)
        (there / "file").write_bytes(bytes(2**20))
        (there / "complete").write_text(key)
        os.utime(there / "complete", (0, 0))
    monkeypatch.setattr("edgerig.spec.load_device", lambda name: spec)
    commands.clean("board", 0)
    assert "1 old bundles" in capsys.readouterr().out
    assert os.listdir(f"{spec.workdir}/bundles") == ["0" * 16]


@pytest.mark.parametrize(
    "name", ["local", pytest.param("qemu-rpi4", marks=pytest.mark.needs("qemu-user", "g++", "g++-aarch64-linux-gnu"))]
)
def test_what_a_killed_host_left_of_a_device_here_goes_with_the_next(name: str, tmp_path: Path) -> None:
    code = f"""
import os, signal
from edgerig.devices import open_device, transport_to
from edgerig.spec import load_device
with open_device(load_device({name!r})) as opened:
    print(opened.workdir, flush=True)
    if {{kill}}:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    def opened(kill: bool) -> None:
        command = [sys.executable, "-c", code.format(kill=kill)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.stdout.startswith(str(tmp_path)), done.stderr

    opened(kill=True)
    (left,) = tmp_path.glob("edgerig-device-*")
    os.utime(left, (0, 0))
    opened(kill=False)
    assert list(tmp_path.glob("edgerig-device-*")) == []
