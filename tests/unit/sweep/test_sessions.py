"""Sessions over a device whose openings the test controls: reconnecting and giving up are error paths."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
from processes import wait_for

from edgerig import process
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.local import LocalDevice
from edgerig.devices.turns import Claim
from edgerig.errors import DeviceError, HostKeyMismatch, HostKeyUnknown, LoginRefused, Unreachable
from edgerig.spec import Device
from edgerig.sweep import sessions
from edgerig.sweep.sessions import DeviceSessions

SPEC = LocalDevice(name="d", kind="local")


class Bench:
    """Openings that fail as often as told, and a count of what is open."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.openings, self.open = failures, 0, 0
        self.error: type[DeviceError] = Unreachable

    @contextlib.contextmanager
    def __call__(self, spec: Device, claim: Claim | None) -> Iterator[PosixDevice]:
        self.openings += 1
        if self.failures:
            self.failures -= 1
            raise self.error("no route", hint="plug it in")
        self.open += 1
        try:
            yield PosixDevice(transport=None, workdir="/w", python=("python3",), executorch_library=None)
        finally:
            self.open -= 1


def workdir(held: DeviceSessions) -> str:
    device = held.device(SPEC)
    assert isinstance(device, PosixDevice)
    return device.workdir


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    monkeypatch.setattr(sessions, "open_device", bench)
    monkeypatch.setattr(sessions, "BACKOFF_S", 0.02)
    return bench


def test_a_device_is_opened_once_for_all_its_cells(bench: Bench) -> None:
    held = DeviceSessions()
    held.setup(None)
    assert held.device(SPEC) is held.device(SPEC)
    assert (bench.openings, bench.open) == (1, 1)
    held.teardown(None)
    assert bench.open == 0


def test_after_an_error_the_next_cell_gets_a_fresh_one(bench: Bench) -> None:
    held = DeviceSessions()
    first = held.device(SPEC)
    held.drop(SPEC)
    assert bench.open == 0
    assert held.device(SPEC) is not first


def test_one_failure_to_connect_is_forgiven(bench: Bench) -> None:
    bench.failures = 1
    assert workdir(DeviceSessions()) == "/w"


def test_a_dead_device_is_given_up_with_its_first_error(bench: Bench) -> None:
    bench.failures = 2
    held = DeviceSessions()
    with pytest.raises(Unreachable, match="no route"):
        held.device(SPEC)
    with pytest.raises(Unreachable, match=r"given up: no route") as caught:
        held.device(SPEC)
    assert caught.value.hint == "plug it in"
    assert bench.openings == 2


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.parametrize("refused", [HostKeyUnknown, HostKeyMismatch, LoginRefused, DeviceError])
def test_what_waiting_does_not_cure_is_not_tried_again(bench: Bench, refused: type[DeviceError], reached: bool) -> None:
    held = DeviceSessions()
    if reached:
        held.device(SPEC)
        held.drop(SPEC)
    bench.failures, bench.error, bench.openings = 1, refused, 0
    for _ in range(2):
        with pytest.raises(refused) as caught:
            held.device(SPEC)
        assert caught.value.hint == "plug it in"
    assert bench.openings == 1


def test_a_device_that_was_there_before_is_waited_for(bench: Bench) -> None:
    held = DeviceSessions()
    held.device(SPEC)
    held.drop(SPEC)
    bench.failures = 5
    assert workdir(held) == "/w"
    assert bench.openings == 7


def test_a_device_that_stays_away_is_given_up_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BOOT_S", 0.5)
    held = DeviceSessions()
    held.device(SPEC)
    held.drop(SPEC)
    bench.failures = 1000
    begin = time.monotonic()
    with pytest.raises(Unreachable, match="no route"):
        held.device(SPEC)
    assert 0.5 <= time.monotonic() - begin < 5
    assert 4 < bench.openings < 12, "ever longer pauses"
    with pytest.raises(Unreachable, match="given up"):
        held.device(SPEC)


def test_what_a_job_left_is_known_to_the_next_session(bench: Bench) -> None:
    held = DeviceSessions()
    held.device(SPEC).left.append("/w/job-0")
    held.drop(SPEC)
    assert held.device(SPEC).left == ["/w/job-0"]


def test_an_interrupted_sweep_does_not_wait_for_a_device(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BACKOFF_S", 30.0)
    held = DeviceSessions()
    held.setup(None)
    held.device(SPEC)
    held.drop(SPEC)
    bench.failures = 1000

    def stop() -> None:
        wait_for(lambda: bench.openings == 2)
        held.scope.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    begin = time.monotonic()
    with pytest.raises(process.Stopped), held.at_work():
        held.device(SPEC)
    assert time.monotonic() - begin < sessions.BACKOFF_S / 2
    stopper.join()


def test_a_device_stays_open_until_its_cell_has_tidied_up(bench: Bench) -> None:
    held, begun, tidied = DeviceSessions(), threading.Event(), []
    held.setup(None)

    def cell() -> None:
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
