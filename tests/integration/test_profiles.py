"""The clock of profiles, compiled and loaded; and the profile of a cell brought home from a real transport, by a runner
of the test's own."""

from __future__ import annotations

import ctypes
import hashlib
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import places
import posix_device
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from edgerig.compiler import find_compiler
from edgerig.devices import native
from edgerig.devices.device import CellJob, PosixDevice, Profiles
from edgerig.devices.kinds.local import LocalDevice
from edgerig.errors import DeviceError
from edgerig.measure.profile import FOLDER, read_profile
from edgerig.ondevice.profiles import clock
from edgerig.ondevice.profiles.onnxruntime import CORRECTED_FLOOR_NS
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
WIDTH, TURNS = 512, 10
WEIGHTS = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)).astype(np.float32) / 23
NETWORK = """\
import sys
import numpy as np
import tensorflow as tf
width, turns = int(sys.argv[2]), int(sys.argv[3])
weights = tf.constant(np.random.default_rng(0).normal(size=(width, width)).astype(np.float32) / width**0.5)
class Network(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([1, width], tf.float32)])
    def call(self, x):
        body = lambda turn, state: (turn + 1, tf.tanh(tf.matmul(state, weights)))
        first = tf.nn.relu(tf.matmul(x, weights))
        return tf.nn.softmax(tf.while_loop(lambda turn, _: turn < turns, body, (0, first))[1])
network = Network()
converter = tf.lite.TFLiteConverter.from_concrete_functions([network.call.get_concrete_function()], network)
open(sys.argv[1], "wb").write(converter.convert())
"""
RECORDS = """\
import json, sys
import numpy as np
from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles import record
record.SECONDS = 0.5
job, folder, width = Job(**json.loads(sys.argv[1])), sys.argv[2], int(sys.argv[3])
record.record(job, f"{folder}/{job.artifact}", [np.ones((1, width), np.float32)], folder)
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


@pytest.fixture(scope="module")
def loop_of_tflite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("loop") / "loop.tflite"
    subprocess.run([sys.executable, "-c", NETWORK, str(file), str(WIDTH), str(TURNS)], check=True, capture_output=True)
    return file.read_bytes()


def library(folder: Path, name: str) -> Path:
    (folder / "asks.c").write_text(ASKS)
    made = folder / name
    compiler = find_compiler({"PATH": "/usr/bin:/bin"})
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


def own_profile(folder: Path, artifact: str, profiler: str, options: dict[str, Any]) -> Profile:
    """Of a file that is already there, by the runtime itself, in a process of its own."""
    (folder / FOLDER).mkdir()
    known: dict[str, Any] = {
        **dict.fromkeys(("sha256", "cluster", "clock", "engine", "no_state"), ""),
        **{name: [] for name in ("shapes", "processors", "fed", "resets", "inputs")},
        **dict.fromkeys(("warmup_runs", "min_runs", "min_seconds", "max_seconds", "sustained_s"), 0),
    }
    job = known | {
        "cell": CELL,
        "engine_options": options,
        "artifact": artifact,
        "beside": {},
        "threads": 1,
        "timing_only": False,
        "profile": True,
        "profiler": profiler,
        "no_instructions": "nothing counts them",
        "no_clock": "a test does without",
    }
    (folder / FOLDER / artifact).write_bytes((folder / artifact).read_bytes())
    command = [sys.executable, "-c", RECORDS, json.dumps(job), str(folder / FOLDER), str(WIDTH)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return read_profile(folder, CELL)


def test_a_loop_of_onnx_is_counted_once_and_its_body_in_every_turn(
    tmp_path: Path,
) -> None:
    weights = numpy_helper.from_array(WEIGHTS, "w")
    line = ("s", TensorProto.FLOAT, [1, WIDTH])
    body = helper.make_graph(
        [helper.make_node("MatMul", ["s", "w"], ["o"], name="inner"), helper.make_node("Identity", ["c"], ["again"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info(*line),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("o", *line[1:]),
        ],
    )
    turns = numpy_helper.from_array(np.array(TURNS, np.int64), "n")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["first"], name="outer"),
            helper.make_node("Loop", ["n", "", "first"], ["y"], name="loop", body=body),
        ],
        "loops",
        [helper.make_tensor_value_info("x", *line[1:])],
        [helper.make_tensor_value_info("y", *line[1:])],
        [weights, turns],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "loop.onnx").write_bytes(model.SerializeToString())
    found = own_profile(tmp_path, "loop.onnx", "edgerig.ondevice.profiles.onnxruntime:profiler", {})
    assert found.reason == ""
    assert [each.calls for each in found.operators if each.kind == "control"] == [1]
    assert [each.calls for each in found.operators if each.layer.startswith("inner")] == [TURNS]
    inner, loop, whole = (sum(one(found, name)) for name in ("inner", "loop", ""))
    assert inner > TURNS / (TURNS + 1) / 2 * whole
    assert loop < inner
    assert whole < 1.1 * (found.profiled_whole or 0)  # counted twice it would be about 1.9 times


@pytest.mark.parametrize("xnnpack", [True, False])
def test_a_loop_of_litert_is_counted_once_and_its_body_in_every_turn(
    tmp_path: Path, loop_of_tflite: bytes, xnnpack: bool
) -> None:
    (tmp_path / "loop.tflite").write_bytes(loop_of_tflite)
    options = {"xnnpack": xnnpack}
    found = own_profile(tmp_path, "loop.tflite", "edgerig.ondevice.profiles.litert:profiler", options)
    assert found.reason == ""
    assert [(each.calls, each.value) for each in found.operators if each.kind == "control"] == [(1, 0)]
    assert [each.calls for each in found.operators if each.kind == "matrix product"] == [1, TURNS]
    assert found.partitions == (3 if xnnpack else None)
    assert {each.name for each in found.fallbacks} == ({"WHILE", "LESS", "ADD"} if xnnpack else set())
    assert any("what WHILE takes beside its body" in note for note in found.notes)


def one(found: Profile, layer: str) -> list[float]:
    return [each.value for each in found.operators if each.layer.startswith(layer)]


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


@pytest.mark.needs("openssh-server", "openssh-client")
def test_a_real_runtimes_profile_comes_home_over_ssh(tmp_path: Path) -> None:
    """A real daemon, this machine's own Python behind it, and ONNX Runtime's own profile with the clock pushed."""
    file, raw = tmp_path / "model.onnx", tmp_path / "raw"
    product = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH]) for name in ("x", "y")]
    graph = helper.make_graph([product], "one", ends[:1], ends[1:], [numpy_helper.from_array(WEIGHTS, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made, content = made_up.artifact(file, "onnx"), model.SerializeToString()
    file.write_bytes(content)
    artifact = made.model_copy(update={"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)})
    with places.PLACES["ssh"](tmp_path) as place:
        device = PosixDevice(place.transport, place.folder, (sys.executable,), None)
        inputs, settings, into = [np.ones((1, WIDTH), np.float32)], RunSettings(), raw / FOLDER
        job = CellJob(CELL, artifact, file, inputs, made_up.PLACEMENT, settings, into, device.probe())
        device.profile(job)
        assert b"job-" not in place.transport.run(["ls", place.folder], 60).stdout
    told = json.loads((raw / FOLDER / "profile.json").read_text())
    assert "reason" not in told, told
    assert [(each["name"], each["layer"], each["macs"]) for each in told["operators"]] == [
        ("MatMul", "product", WIDTH**2)
    ]
    assert not [note for note in told["notes"] if "whole microseconds" in note]
    assert "off every operator's time are taken" in " ".join(told["notes"])
    assert (np.load(raw / FOLDER / "profile.npy") > 0).all()


NOTED = """\
import json, sys
from statistics import median
import numpy as np
from edgerig.ondevice.engines.onnxruntime import OnnxruntimeEngine
from edgerig.ondevice.profiles import clock, onnxruntime_noting
from edgerig.ondevice.profiles.onnxruntime import LIBRARY, ProfiledEngine
from edgerig.ondevice.profiles.onnxruntime_events import read
folder, ticks = sys.argv[2], clock.make(sys.argv[1], "", count=False)
assert ticks.speeds_up(LIBRARY) == ""
noting = onnxruntime_noting.measured(ticks, folder)
for inputs in (1, 4, 9):
    with open(f"{folder}/chain.onnx", "wb") as file:
        file.write(onnxruntime_noting.chain(64, inputs))
    engines = OnnxruntimeEngine("disabled"), ProfiledEngine(f"{folder}/p", graph_optimization_level="disabled")
    for engine in engines:
        engine.load(file.name, 1)
        engine.set_inputs([np.ones((1, 1, 1, 1), np.float32)])
        engine.invoke()
    alone, looked = engines
    wholes = [ticks.span(alone.invoke) for _ in range(200) if looked.invoke() is None]
    entries = looked.ended()
    runs = [read(entries, {}, 1, noting=each)[20:] for each in (lambda _: 0, noting.of)]
    sums = [median(sum(event.value for event in run) for run in told) for told in runs]
    print(json.dumps([(each - median(wholes)) / 64 for each in sums]))
"""


def test_what_onnx_runtimes_notes_take_is_measured_and_taken_off(built: Path, tmp_path: Path) -> None:
    """Operators that do next to nothing, of as many inputs as were measured and of a number in between: each is its
    part of the whole to the floor that is told; the session itself tells a microsecond more at least. In a process of
    its own, whose clock is changed."""
    done = subprocess.run(
        [sys.executable, "-c", NOTED, str(built), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [plain > 1000 and abs(corrected) < CORRECTED_FLOOR_NS for plain, corrected in told] == [True] * 3, told
    checker.check_model(str(tmp_path / "chain.onnx"), full_check=True)
