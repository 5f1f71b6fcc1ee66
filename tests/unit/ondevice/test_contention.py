"""The watch over files of the test's own, and over this kernel's with a neighbour on the same processor."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgerig.ondevice import timing
from edgerig.ondevice.contention import COLUMNS, UNKNOWN, Watch

MAIN = str(os.getpid())


def write(root: Path, path: str, text: str | None) -> None:
    file = root / "proc" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write(tmp_path, f"self/task/{MAIN}/schedstat", "500 1000 3\n")
    write(tmp_path, "self/task/77/schedstat", "500 4000 9\n")
    write(tmp_path, "loadavg", "0.52 0.58 0.59 3/467 1234\n")
    write(tmp_path, "stat", "cpu  10 0 10 1000 7 0 0 30 0 0\ncpu0 1 1\n")
    return tmp_path


def column(watch: Watch, name: str) -> list[int]:
    return [int(value) for value in watch.bursts()[:, COLUMNS.index(name)]]


def test_what_all_threads_waited_between_two_readings(files: Path) -> None:
    watch = Watch(str(files))
    watch.begin()
    watch.read(3)
    write(files, f"self/task/{MAIN}/schedstat", "500 1500 4\n")
    write(files, "self/task/77/schedstat", "500 9000 9\n")
    watch.read(2)
    watch.rest()
    watch.close()
    assert column(watch, "samples") == [3, 2]
    assert column(watch, "waited_ns") == [0, 5500]
    assert column(watch, "runnable") == [3, 3]
    assert min(column(watch, "cpu_ns")) > 0
    told = watch.to_json()
    assert (told["bursts"], told["threads"], told["reasons"]) == (2, 2, {})
    assert [stretch["bursts"] for stretch in told["stretches"]] == [2]


def test_a_thread_that_did_not_run_in_a_stretch_is_watched_no_longer(files: Path) -> None:
    watch = Watch(str(files))
    watch.begin()
    write(files, f"self/task/{MAIN}/schedstat", "900 1000 4\n")
    watch.read(1)
    watch.rest()
    watch.begin()
    write(files, "self/task/77/schedstat", "500 9000 9\n")
    watch.read(1)
    watch.close()
    assert column(watch, "waited_ns") == [0, 0]


@pytest.mark.parametrize(
    ("path", "text", "name", "reason"),
    [
        ("self/task/MAIN/schedstat", "0 0 0\n", "waited_ns", "CONFIG_SCHED_INFO"),
        ("self/task/MAIN/schedstat", None, "waited_ns", "cannot be read"),
        ("loadavg", "", "runnable", "does not tell"),
        ("loadavg", None, "runnable", "cannot be read"),
        ("stat", "cpu 1 2\n", "stretches", "does not tell"),
    ],
)
def test_what_a_kernel_does_not_tell_has_its_reason(
    files: Path, path: str, text: str | None, name: str, reason: str
) -> None:
    path = path.replace("MAIN", MAIN)  # not a parameter: pytest's processes must collect the same tests
    (files / "proc" / path).unlink()
    if text is not None:
        write(files, path, text)
    watch = Watch(str(files))
    watch.begin()
    watch.read(1)
    watch.rest()
    watch.close()
    assert reason in watch.to_json()["reasons"][name]
    if name in COLUMNS:
        assert column(watch, name) == [UNKNOWN]
    assert column(watch, "samples") == [1]


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@pytest.mark.parametrize("call_s", [0.0001, 0.004])
def test_every_sample_is_in_a_burst_and_the_reading_in_none(call_s: float) -> None:
    watch = Watch()
    samples = timing.steady(
        lambda: spin(call_s), min_runs=30, min_seconds=0.3, max_seconds=20, pause=lambda: None, watch=watch
    )
    bursts, told = watch.bursts(), watch.to_json()
    watch.close()
    assert bursts[:, 0].sum() == len(samples)
    assert sum(stretch["bursts"] for stretch in told["stretches"]) == len(bursts)
    assert (bursts[:, 1] > np.add.reduceat(samples, np.r_[0, np.cumsum(bursts[:-1, 0])])).all()
    if call_s > 0.001:
        assert set(bursts[:, 0]) == {1}


def test_a_neighbour_on_the_same_processor_is_seen_to_take_it() -> None:
    """Two that want one processor: whatever else runs, we wait for the other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        time.sleep(0.5)
        watch = Watch()
        samples = timing.steady(lambda: spin(0.003), min_runs=30, min_seconds=0.5, max_seconds=30, watch=watch)
        if "waited_ns" in watch.reasons:
            pytest.skip(watch.reasons["waited_ns"])
        watch.close()
    finally:
        neighbour.kill()
        neighbour.wait()
        os.sched_setaffinity(0, before)
    assert sum(column(watch, "waited_ns")) > 0.1 * samples.sum()
    assert max(column(watch, "runnable")) >= 2
