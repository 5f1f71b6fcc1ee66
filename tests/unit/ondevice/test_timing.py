import gc
import time
from types import SimpleNamespace

import numpy as np
import pytest

from edgerig.ondevice import timing


def test_both_minima_are_met() -> None:
    samples = timing.steady(lambda: None, min_runs=50, min_seconds=0.05, max_seconds=10)
    assert len(samples) >= 50
    assert samples.sum() <= 10e9
    begin = time.monotonic()
    timing.steady(lambda: None, min_runs=1, min_seconds=0.1, max_seconds=10)
    assert time.monotonic() - begin >= 0.1


def test_the_cap_ends_a_slow_model_with_at_least_one_sample() -> None:
    samples = timing.steady(lambda: time.sleep(0.05), min_runs=1000, min_seconds=0, max_seconds=0.12)
    assert 1 <= len(samples) <= 4
    assert len(timing.steady(lambda: time.sleep(0.02), min_runs=50, min_seconds=0, max_seconds=0.001)) == 1


def test_samples_are_nanoseconds_of_the_call_alone() -> None:
    samples = timing.steady(lambda: time.sleep(0.01), min_runs=5, min_seconds=0, max_seconds=10)
    assert samples.dtype == np.int64
    assert len(samples) == 5
    assert samples.min() >= 10_000_000


def test_garbage_collection_is_off_inside_and_back_after() -> None:
    seen = []
    timing.steady(lambda: seen.append(gc.isenabled()), min_runs=3, min_seconds=0, max_seconds=1)
    assert seen == [False] * 3
    assert gc.isenabled()


def test_overhead_is_small_and_not_negative() -> None:
    assert 0 <= timing.overhead() < 100_000


def test_pauses_stand_between_calls_and_are_in_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of the test's own: a busy machine must not decide it."""
    now, events = 0, []
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter_ns=lambda: now))

    def passes(event: str, ns: int) -> None:
        nonlocal now
        events.append(event)
        now += ns

    samples = timing.steady(
        lambda: passes("call", 2_000_000),
        min_runs=1,
        min_seconds=0.9,
        max_seconds=10,
        pause=lambda: passes("pause", 50_000_000),
    )
    assert events.count("pause") == 2  # after 0.25 s, and 0.275 s more
    assert set(samples.tolist()) == {2_000_000}
    assert events.count("call") == len(samples) + 2  # the call after a pause is not a sample


def test_a_long_call_needs_no_second_one_after_a_pause() -> None:
    calls: list[float] = []

    def call() -> None:
        time.sleep(0.13)
        calls.append(time.monotonic())

    samples = timing.steady(call, min_runs=4, min_seconds=0, max_seconds=10, pause=lambda: None)
    assert len(calls) == len(samples) == 4
