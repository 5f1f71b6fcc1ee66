"""A neighbour that is at work on every processor, beside real timed loops, twenty times: none is `stable`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from edgerig.measure.contention import select
from edgerig.measure.latency import median_interval
from edgerig.measure.raw import Raw, Watched
from edgerig.measure.raw_run import RawContention, RawRun
from edgerig.measure.verdict import Seen, judge
from edgerig.ondevice import timing
from edgerig.ondevice.contention import Watch
from edgerig.results import Delegation

pytestmark = pytest.mark.integration

TENSOR = {"name": "y", "shape": [1, 2], "dtype": "float32"}
LARGE_BYTES = 64 * 2**20
NUMBERS = np.linspace(0, 1, 400_000, dtype=np.float32)


@pytest.fixture(scope="module")
def neighbours() -> Iterator[None]:
    """Two for each processor, for as long as the tests of this file run."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in busy:
        process.kill()
        process.wait()


def timed() -> Raw:
    """Three loops of a tenth of a second each, as a runner's processes time them, of some milliseconds of work."""
    found = []
    for _ in range(3):
        watch = Watch()
        samples = timing.steady(lambda: np.exp(NUMBERS), min_runs=30, min_seconds=0.1, max_seconds=5, watch=watch)
        raw = RawContention.model_validate(watch.to_json())
        found.append((samples, Watched(watch.bursts(), raw)))
        watch.close()
    run = RawRun.model_validate(
        {
            "schema": 1,
            "cell": "c",
            "engine": {"inputs": [], "outputs": [TENSOR], "runtime": "R", "version": "1", "threads": 1},
            "runtime_import_ns": 1,
            "load_ns": 2,
            "first_inference_ns": 3,
            "warmup_runs": 1,
            "timer_overhead_ns": 4,
            "samples": sum(len(samples) for samples, _ in found),
            "memory": {},
        }
    )
    return Raw(run, tuple(samples for samples, _ in found), [], watched=tuple(watched for _, watched in found))


@pytest.mark.parametrize("trial", range(20))
@pytest.mark.usefixtures("neighbours")
def test_a_busy_neighbour_is_told_and_never_stable(trial: int) -> None:
    found = select(timed(), LARGE_BYTES)
    assert found.contention is not None
    label = judge(
        Seen(
            emulated=False,
            threads=1,
            threads_in_force=1,
            delegation=Delegation(delegated=1, total=1),
            interval=median_interval(found.processes_ns),
            contention=found.contention,
            seconds=sum(float(samples.sum()) for samples in found.processes_ns) / 1e9,
        )
    )
    assert label.label == "contended", (trial, found.contention)
    assert "let nothing else run on the device" in label.advice
