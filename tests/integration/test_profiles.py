"""The clock of profiles, compiled and loaded; and the profile of a cell brought home from a real transport, by a runner
of the test's own."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import time
from pathlib import Path

import made_up
import numpy as np
import posix_device
import pytest

from edgerig.devices import native
from edgerig.devices.device import CellJob, PosixDevice, Profiles
from edgerig.devices.kinds.local import LocalDevice
from edgerig.errors import DeviceError
from edgerig.measure.profile import FOLDER, read_profile
from edgerig.ondevice.profiles import clock
from edgerig.results import Profile
from edgerig.spec import RunSettings

pytestmark = pytest.mark.integration

CELL = "m-torch-onnx-fp32@d/t1"
ASKS = """
#include <time.h>
static long long told(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}
long long monotonic(void) { return told(CLOCK_MONOTONIC); }
long long realtime(void) { return told(CLOCK_REALTIME); }
"""
RUNNER = """\
import json, os, sys
import numpy as np
path = sys.argv[2]
folder, job = os.path.dirname(path), json.load(open(path))
assert job["profile"] and job["profiler"].startswith("edgerig.ondevice.profiles.")
assert os.path.exists(os.path.join(folder, job["artifact"])), job["artifact"]
assert os.path.exists(os.path.join(folder, job["clock"])) == bool(job["clock"])
if MODE == "dies": sys.exit(9)
told = {"schema": 1, "cell": job["cell"]}
one = {"name": "Conv", "layer": "c", "runner": "ort", "partition": None, "calls": 1}
if MODE == "none": told["reason"] = "not this version"
else: told |= {"unit": "ns", "method": "m", "partitions": None, "floor": 1, "notes": [], "runs": 3, "operators": [one]}
rows = 10**6 if MODE == "huge" else 3
if MODE != "none": np.save(f"{folder}/profile.npy", np.full((rows, 3), 1000, np.int64))
json.dump(told, open(f"{folder}/profile.json", "w"))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = native.op_clock(platform.machine(), tmp_path_factory.mktemp("clock"))
    if found.path is None:
        pytest.skip(found.reason)
    return found.path


def library(folder: Path, name: str) -> Path:
    (folder / "asks.c").write_text(ASKS)
    made = folder / name
    compiler = native.find_compiler({"PATH": "/usr/bin:/bin"})
    subprocess.run([*compiler, "-x", "c", "-shared", "-fPIC", str(folder / "asks.c"), "-o", str(made)], check=True)
    return made


def test_a_named_library_reads_a_clock_a_thousand_times_as_fast(built: Path, tmp_path: Path) -> None:
    """In this process, whose other libraries keep their clock: the first of two equal libraries alone is changed."""
    fast, slow = (ctypes.CDLL(str(library(tmp_path, name))) for name in ("libfast_asks.so", "libslow_asks.so"))
    for each in (fast, slow):
        each.monotonic.restype = each.realtime.restype = ctypes.c_int64
    made = clock.make(str(built), "", count=False)
    assert made.speeds_up("libfast_asks") == ""
    begun, quick, plain = time.monotonic_ns(), fast.monotonic(), slow.monotonic()
    while time.monotonic_ns() - begun < 2_000_000:
        pass
    passed = slow.monotonic() - plain
    assert fast.monotonic() - quick > 900 * passed
    assert abs(time.monotonic_ns() - slow.monotonic()) < 10**9
    assert abs(time.time_ns() - fast.realtime()) < 10**9
    assert 0 < made.cost() < 100_000


def test_a_library_that_is_not_there_says_so(built: Path) -> None:
    assert "whole microseconds" in clock.make(str(built), "", count=False).speeds_up("libnobody_has_this")


def test_without_the_emulators_plugin_nothing_is_counted(built: Path) -> None:
    with pytest.raises(clock.NotCounted, match="no counting plugin"):
        clock.make(str(built), "", count=True)


def test_a_machine_without_a_compiler_or_a_shipped_clock_has_a_reason(tmp_path: Path) -> None:
    assert "not made for riscv64" in native.op_clock("riscv64", tmp_path).reason


def looked_into(tmp_path: Path, mode: str, *, emulated: bool = False) -> Profile:
    file, raw = tmp_path / "model.onnx", tmp_path / "raw"
    script = tmp_path / "runner.py"
    script.write_text(RUNNER.replace("MODE", repr(mode)))
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        opened = PosixDevice(device.transport, device.workdir, (sys.executable, str(script)), None, left=device.left)
        assert isinstance(opened, Profiles)
        before = device.probe().model_copy(update={"emulated": emulated})
        artifact = made_up.artifact(file, "onnx")
        inputs, settings = [np.zeros((1, 1), np.float32)], RunSettings()
        opened.profile(CellJob(CELL, artifact, file, inputs, made_up.PLACEMENT, settings, raw / FOLDER, before))
        assert b"job-" not in device.transport.run(["ls", device.workdir], 60).stdout
    return read_profile(raw, CELL)


def test_a_profile_comes_home(tmp_path: Path) -> None:
    found = looked_into(tmp_path, "sound")
    assert [(each.name, each.layer, each.value, each.share) for each in found.operators] == [("Conv", "c", 1000, 1)]
    assert (tmp_path / "raw" / FOLDER / "runner.log").is_file()


@pytest.mark.parametrize(("mode", "reason"), [("none", "not this version"), ("dies", "exit code 9")])
def test_what_goes_wrong_is_the_reason(tmp_path: Path, mode: str, reason: str) -> None:
    assert reason in looked_into(tmp_path, mode).reason


def test_more_than_was_said_is_not_brought_home(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="bytes, at most"):
        looked_into(tmp_path, "huge")


def test_an_emulators_time_is_not_asked_for(tmp_path: Path) -> None:
    assert "an emulator's time says nothing" in looked_into(tmp_path, "sound", emulated=True).reason
