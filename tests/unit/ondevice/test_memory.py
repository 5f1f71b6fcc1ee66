"""The memory pass is a real fork and reads the real /proc."""

import os

from edgerig.ondevice import memory


def test_the_peak_includes_what_the_pass_allocated():
    def exercise(runtime_imported):
        runtime_imported()
        bytearray(b"x" * 100_000_000)

    found = memory.measure_in_fork(exercise)
    assert found["peak_rss_bytes"] - found["runtime_rss_bytes"] > 90_000_000
    assert "numpy" in found["includes"]


def test_the_parent_is_not_touched():
    memory.measure_in_fork(lambda ready: os.environ.__setitem__("EDGERIG_FORKED", "1"))
    assert "EDGERIG_FORKED" not in os.environ


def test_a_failure_is_a_reason():
    def exercise(_):
        raise RuntimeError("no such file")

    assert memory.measure_in_fork(exercise) == {"reason": "the memory pass failed: RuntimeError: no such file"}


def test_a_killed_pass_is_a_reason():
    found = memory.measure_in_fork(lambda _: os.kill(os.getpid(), 9))
    assert found == {"reason": "the memory pass was killed by signal 9"}
