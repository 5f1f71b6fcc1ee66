"""A cell that other processes disturb is timed again: over a real transport, by a runner of the test's own that says
what was seen of it."""

from __future__ import annotations

import sys
from pathlib import Path

import made_up
import numpy as np
import posix_device
import pytest

from edgerig.devices.device import CellJob, PosixDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.errors import RunError
from edgerig.measure.contention import select
from edgerig.measure.latency import median_interval
from edgerig.measure.raw import attempts_of, read_raw
from edgerig.results import TensorRecord
from edgerig.spec import RunSettings

pytestmark = pytest.mark.integration

CELL = "m-torch-onnx-fp32@d/t1"
RUNNER = """\
import json, os, sys
import numpy as np
path = sys.argv[2]
folder, job = os.path.dirname(path), json.load(open(path))
assert os.path.exists(os.path.join(folder, job["artifact"])), job["artifact"]
attempt = int(folder.split("/attempt-")[1][0]) if "/attempt-" in folder else 1
if attempt == DIES: sys.exit(9)
waited = 0 if attempt >= GOOD else 9_000_000
n = 60
row = [1, 3_000_000 + waited, waited, 3_000_000, 0, 0, 1, 9_000]
tensor = json.loads(TENSOR)
raw = {
    "schema": 1, "cell": job["cell"], "engine": {"inputs": [], "outputs": [tensor], "runtime": "R", "version": "1",
    "threads": 1}, "runtime_import_ns": 1, "load_ns": attempt, "first_inference_ns": 3, "warmup_runs": 1, "samples": n,
    "timer_overhead_ns": 4, "memory": {}, "contention": {"bursts": n, "cpus": 2, "threads": 1},
}
np.save(f"{folder}/samples.npy", np.full(n, 3_000_000 + waited, np.int64))
np.save(f"{folder}/bursts.npy", np.tile(np.array(row, np.int64), (n, 1)))
if not job["timing_only"]: np.save(f"{folder}/output_0.npy", np.ones((1, *tensor["shape"][1:]), np.float32))
json.dump(raw, open(f"{folder}/raw.json", "w"))
"""


def run(tmp_path: Path, *, good: int, dies: int = 0, **given: float) -> Path:
    """The raw folder of a cell that only the attempts from `good` on are left alone in; attempt `dies` crashes."""
    file, inputs, into = tmp_path / "model.onnx", [np.zeros((1, 1), np.float32)], tmp_path / "raw"
    output = TensorRecord(name="y", shape=(1, 2), dtype="float32")
    artifact = made_up.artifact(file, "onnx").model_copy(update={"outputs": (output,)})
    text = RUNNER.replace("GOOD", str(good)).replace("DIES", str(dies))
    script = tmp_path / "runner.py"
    script.write_text(text.replace("TENSOR", repr(output.model_dump_json())))
    settings = RunSettings.model_validate({"repeats": 2, "attempts": 3, **given})
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        job = PosixDevice(device.transport, device.workdir, (sys.executable, str(script)), None, left=device.left)
        job.execute(CellJob(CELL, artifact, file, inputs, made_up.PLACEMENT, settings, into, device.probe()))
        assert device.transport.run(["ls", device.workdir], 60).stdout.strip() in (b"", b"store")
    return into


def test_it_is_timed_until_an_attempt_is_left_alone(tmp_path: Path) -> None:
    timed = select(read_raw(run(tmp_path, good=3, attempts=5), CELL))
    assert attempts_of(tmp_path / "raw") == 3
    assert timed.contention is not None
    assert (timed.contention.attempts, timed.contention.attempt, timed.contention.contended) == (3, 3, False)
    assert [samples.tolist() for samples in timed.processes_ns] == [[3_000_000] * 60] * 2
    assert timed.attempt.run.load_ns == 3


def test_the_attempts_are_bounded_and_all_are_kept(tmp_path: Path) -> None:
    timed = select(read_raw(run(tmp_path, good=9), CELL))
    assert timed.contention is not None
    assert (timed.contention.attempts, timed.contention.contended) == (3, True)
    assert (tmp_path / "raw/attempt-3/repeat-1/bursts.npy").is_file()


def test_a_precision_is_measured_for_until_it_is_had(tmp_path: Path) -> None:
    """Processes that are all alike are known to by the least that is assumed between two (0.5 %), over their number."""
    into = run(tmp_path, good=1, attempts=1, precision=0.005)
    interval = median_interval(select(read_raw(into, CELL)).processes_ns)
    assert interval is not None
    assert (interval.processes, interval.half_width <= 0.005) == (2 * attempts_of(into), True)
    assert 1 < attempts_of(into) < 10


def test_a_precision_that_is_not_had_ends_at_the_cap_in_seconds(tmp_path: Path) -> None:
    """An attempt is 2 processes of 60 samples of 3 ms, 0.36 s."""
    into = run(tmp_path, good=1, precision=0.0001, max_seconds=1.0)
    assert attempts_of(into) == 3


def test_a_precision_that_is_not_had_is_not_tried_for_ever(tmp_path: Path) -> None:
    assert attempts_of(run(tmp_path, good=1, precision=0.0001)) == 10


def test_an_undisturbed_cell_is_timed_once(tmp_path: Path) -> None:
    assert attempts_of(run(tmp_path, good=1)) == 1


def test_an_attempt_that_dies_costs_none_before_it(tmp_path: Path) -> None:
    into = run(tmp_path, good=3, dies=2)
    assert attempts_of(into) == 1
    assert select(read_raw(into, CELL)).contention is not None
    assert (into / "failed-attempt-2").is_dir()


def test_a_device_without_the_library_an_engine_needs_says_what_brings_it(tmp_path: Path) -> None:
    file, inputs, into = tmp_path / "model.pte", [np.zeros((1, 1), np.float32)], tmp_path / "raw"
    with posix_device.opened(LocalDevice(name="d", kind="local")) as device:
        without = PosixDevice(
            device.transport,
            device.workdir,
            (sys.executable, "-c", "raise SystemExit('nothing is run')"),
            None,
            library_reason="no runner fits it",
            library_remedy="a compiler",
            left=device.left,
        )
        artifact = made_up.artifact(file, "executorch")
        job = CellJob(CELL, artifact, file, inputs, made_up.PLACEMENT, RunSettings(), into, device.probe())
        with pytest.raises(RunError, match="nothing on the device can run it: no runner fits it") as refused:
            without.execute(job)
        assert refused.value.hint == "a compiler"
        assert b"job-" not in device.transport.run(["ls", device.workdir], 60).stdout
