"""Sessions over a device whose openings the test controls: reconnecting and giving up are error paths."""

import contextlib
import threading
import time

import pytest

from edgerig.devices.device import OpenDevice
from edgerig.errors import DeviceError, HostKeyMismatch, HostKeyUnknown
from edgerig.spec import LocalDevice
from edgerig.sweep import sessions
from edgerig.sweep.sessions import DeviceSessions

SPEC = LocalDevice(name="d", kind="local")


class Bench:
    """Openings that fail as often as told, and a count of what is open."""

    def __init__(self, failures=0):
        self.failures, self.openings, self.open = failures, 0, 0
        self.error = DeviceError

    @contextlib.contextmanager
    def __call__(self, spec):
        self.openings += 1
        if self.failures:
            self.failures -= 1
            raise self.error("no route", hint="plug it in")
        self.open += 1
        try:
            yield OpenDevice(transport=None, workdir="/w", python=("python3",), executorch_library=None)
        finally:
            self.open -= 1


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    monkeypatch.setattr(sessions, "open_device", bench)
    monkeypatch.setattr(sessions, "BACKOFF_S", 0)
    return bench


def test_a_device_is_opened_once_for_all_its_cells(bench):
    held = DeviceSessions()
    held.setup(None)
    assert held.device(SPEC) is held.device(SPEC)
    assert (bench.openings, bench.open) == (1, 1)
    held.teardown(None)
    assert bench.open == 0


def test_after_an_error_the_next_cell_gets_a_fresh_one(bench):
    held = DeviceSessions()
    first = held.device(SPEC)
    held.drop(SPEC)
    assert bench.open == 0
    assert held.device(SPEC) is not first


def test_one_failure_to_connect_is_forgiven(bench):
    bench.failures = 1
    assert DeviceSessions().device(SPEC).workdir == "/w"


def test_a_dead_device_is_given_up_with_its_first_error(bench):
    bench.failures = 2
    held = DeviceSessions()
    with pytest.raises(DeviceError, match="no route"):
        held.device(SPEC)
    with pytest.raises(DeviceError, match=r"given up: no route") as caught:
        held.device(SPEC)
    assert caught.value.hint == "plug it in"
    assert bench.openings == 2


@pytest.mark.parametrize("refused", [HostKeyUnknown, HostKeyMismatch])
def test_a_host_key_that_is_refused_is_not_tried_again(bench, refused):
    bench.failures, bench.error = 1, refused
    held = DeviceSessions()
    for _ in range(2):
        with pytest.raises(refused) as caught:
            held.device(SPEC)
        assert caught.value.hint == "plug it in"
    assert bench.openings == 1


def test_a_device_stays_open_until_its_cell_has_tidied_up(bench):
    held, begun, tidied = DeviceSessions(), threading.Event(), []
    held.setup(None)

    def cell():
        with held.at_work():
            held.device(SPEC)
            begun.set()
            time.sleep(0.3)
            tidied.append(bench.open)

    thread = threading.Thread(target=cell)
    thread.start()
    begun.wait()
    held.teardown(None)
    thread.join()
    assert (tidied, bench.open) == ([1], 0)
