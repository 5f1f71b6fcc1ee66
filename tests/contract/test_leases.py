"""Turns on a device, over real transports and their shells (bash or dash, busybox and mksh), two holders at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from places import PLACES, Place
from processes import wait_for

from edgerig import process
from edgerig.devices import lease
from edgerig.devices.lease import DeviceLease, holder_of, in_turn
from edgerig.devices.turns import Claim, claim
from edgerig.errors import DeviceBusy, DeviceError

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module", params=["local", "ssh", "adb"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PLACES[request.param](tmp_path_factory.mktemp(request.param)) as place:
        yield place


@pytest.fixture
def workdir(place: Place, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh one, one per test; it is not made yet."""
    path = f"{place.folder}/{abs(hash(request.node.name)):x}"
    yield path
    place.transport.run(["rm", "-rf", path], 30)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgerig.devices.turns.FIRST_PAUSE_S", 0.1)


def asking(run: str = "r1", device: str = "d", token: str | None = None, wait: bool = False) -> Claim:
    return claim(device, run, token or f"token-{run}", wait=wait)


def turn_of(place: Place, workdir: str, **given: Any) -> DeviceLease:
    return DeviceLease(place.transport, workdir, asking(**given))


def older(place: Place, workdir: str, seconds: int) -> None:
    """Makes the present turn look as if it had last been renewed so long ago."""
    script = 'for f in "$1"/lease/*/renewed; do read -r u <"$f"; echo $((u - $2)) >"$f"; done'
    assert place.transport.run(["sh", "-c", script, "older", workdir, str(seconds)], 30).returncode == 0


def taken(place: Place, workdir: str) -> list[str]:
    done = place.transport.run(["ls", f"{workdir}/lease"], 30)
    return done.stdout.decode().split()


def test_a_second_one_is_told_who_holds_it(place: Place, workdir: str) -> None:
    first = turn_of(place, workdir)
    first.take()
    with pytest.raises(DeviceBusy) as caught:
        turn_of(place, workdir, run="r2").take()
    mine = asking()
    assert f"d is in use by {mine.who}, run r1, since 20" in caught.value.message
    assert "until 20" in caught.value.message
    held = holder_of(place.transport, workdir)
    assert (held.run, held.who, held.device) == ("r1", mine.who, "d")
    assert 0 <= held.since_s < 60 and 60 < held.left_s <= lease.EXPIRY_S
    first.release()
    assert holder_of(place.transport, workdir) is None
    turn_of(place, workdir, run="r2").take()
    assert len(taken(place, workdir)) == 1, "turns that are over are removed"


def test_a_turn_is_kept_while_it_is_renewed_and_over_when_it_is_not(place: Place, workdir: str) -> None:
    first = turn_of(place, workdir)
    first.take()
    older(place, workdir, 100)
    assert first.run(["echo", "x"], 30).stdout == b"x\n"
    older(place, workdir, 100)
    with pytest.raises(DeviceBusy):
        turn_of(place, workdir, run="r2").take()
    older(place, workdir, 30)
    second = turn_of(place, workdir, run="r2")
    second.take()
    with pytest.raises(DeviceBusy, match="run r2"):
        first.run(["echo", "two at once"], 30)
    second.release()
    assert first.run(["echo", "again"], 30).stdout == b"again\n"


def test_a_file_that_arrives_is_a_sign_of_life(place: Place, workdir: str) -> None:
    turn_of(place, workdir).take()
    place.transport.run(["mkdir", f"{workdir}/store"], 30)
    place.transport.run(["touch", f"{workdir}/store/x.part"], 30)
    older(place, workdir, 1000)
    with pytest.raises(DeviceBusy):
        turn_of(place, workdir, run="r2").take()
    place.transport.run(["rm", f"{workdir}/store/x.part"], 30)
    turn_of(place, workdir, run="r2").take()


def test_a_command_that_lasts_renews_its_turn_on_the_device(
    place: Place, workdir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_KEPT", lease._KEPT.replace(f"sleep {lease.RENEWED_EVERY_S}", "sleep 1"))
    first = turn_of(place, workdir)
    first.take()
    ended = []
    thread = threading.Thread(target=lambda: ended.append(first.run(["sleep", "6"], 120)))
    thread.start()
    wait_for(lambda: holder_of(place.transport, workdir) is not None)
    time.sleep(1)
    older(place, workdir, 1000)
    wait_for(lambda: holder_of(place.transport, workdir) is not None, 5)
    thread.join()
    [done] = ended
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    older(place, workdir, 1000)
    time.sleep(2)
    assert holder_of(place.transport, workdir) is None, "what renewed it has ended with the command"


def test_a_device_that_was_started_anew_is_nobodys(place: Place, workdir: str) -> None:
    turn_of(place, workdir).take()
    place.transport.run(["sh", "-c", 'echo another >"$1"/lease/1/boot', "sh", workdir], 30)
    assert holder_of(place.transport, workdir) is None
    turn_of(place, workdir, run="r2").take()


def test_a_holder_killed_before_it_said_who_it_is_blocks_no_longer_than_another(place: Place, workdir: str) -> None:
    place.transport.run(["mkdir", "-p", f"{workdir}/lease/7"], 30)
    with pytest.raises(DeviceBusy, match="in use by somebody"):
        turn_of(place, workdir).take()
    older(place, workdir, 121)
    turn_of(place, workdir).take()
    assert taken(place, workdir) == ["8"]


def test_the_same_run_resumed_follows_itself_at_once_and_ends_what_it_left(place: Place, workdir: str) -> None:
    turn_of(place, workdir, token="before").take()
    ours, others = f"{workdir}/job-r1-0123456789ab", f"{workdir}/job-r10-0123456789ab"
    for folder in (ours, others):
        place.transport.run(["mkdir", folder], 30)
    with in_turn(place.transport, workdir, asking(token="after")) as turn:
        assert holder_of(place.transport, workdir).run == "r1"
        assert turn.run == "r1"
        left = place.transport.run(["ls", workdir], 30).stdout.decode().split()
        assert [name for name in left if name.startswith("job-")] == ["job-r10-0123456789ab"]
    assert holder_of(place.transport, workdir) is None


def test_two_device_files_of_one_sweep_that_lead_to_one_device_take_turns_too(place: Place, workdir: str) -> None:
    turn_of(place, workdir, device="a").take()
    turn_of(place, workdir, device="a").take()
    with pytest.raises(DeviceBusy):
        turn_of(place, workdir, device="b").take()


def test_whoever_waited_is_next(place: Place, workdir: str) -> None:
    first, second = turn_of(place, workdir, wait=True), turn_of(place, workdir, run="r2")
    first.take()
    with pytest.raises(DeviceBusy):
        second.take()
    first.release()
    begun = threading.Event()

    order: list[str] = []

    def again() -> None:
        begun.set()
        first.take()
        order.append("first")

    thread = threading.Thread(target=again)
    thread.start()
    begun.wait()
    time.sleep(1)
    assert order == []
    second.take()
    order.append("second")
    second.release()
    thread.join(60)
    assert order == ["second", "first"]


def test_whoever_waited_and_went_away_is_not_waited_for_long(
    place: Place, workdir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "YIELD_S", 1)
    first = turn_of(place, workdir)
    first.take()
    with pytest.raises(DeviceBusy):
        turn_of(place, workdir, run="r2").take()
    first.release()
    first.take()


def test_of_many_at_once_one_has_it(place: Place, workdir: str) -> None:
    """All of them ask at the same moment, several times over."""
    at_work, most, failures = [], [], []
    lock = threading.Lock()

    def worker(number: int) -> None:
        mine = turn_of(place, workdir, run=f"r{number}", wait=True)
        try:
            for _ in range(3):
                mine.take()
                with lock:
                    at_work.append(number)
                    most.append(len(at_work))
                mine.run(["true"], 30)
                with lock:
                    at_work.remove(number)
                mine.release()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert failures == []
    assert len(most) == 9
    assert max(most) == 1


def test_a_program_that_is_not_there_is_told_as_ever(place: Place, workdir: str) -> None:
    mine = turn_of(place, workdir)
    mine.take()
    with pytest.raises(DeviceError, match="no such program"):
        mine.run(["no-such-program-here"], 30)
    done = mine.run(["sh", "-c", "echo out; echo err >&2; kill -9 $$"], 30)
    assert (done.returncode, done.stdout) == (-9, b"out\n")
    assert b"err" in done.stderr
    assert mine.run(["sh", "-c", "exit 75"], 30).returncode == 75


def test_an_interrupted_sweep_does_not_wait(place: Place, workdir: str) -> None:
    turn_of(place, workdir).take()
    waiting, scope = turn_of(place, workdir, run="r2", wait=True), process.Scope()
    scope.stop()
    with scope.entered(), pytest.raises(process.Stopped):
        waiting.take()


def test_a_turn_is_renewed_from_beside_and_never_taken_there(place: Place, workdir: str) -> None:
    """As for a page on a phone, whose job is at work on this host."""
    first = turn_of(place, workdir)
    assert not first.renew(), "there is none yet"
    first.take()
    older(place, workdir, lease.EXPIRY_S - lease.MARGIN_S - 20)
    assert first.renew()
    assert holder_of(place.transport, workdir).left_s > lease.EXPIRY_S - 20
    older(place, workdir, lease.EXPIRY_S + 10)
    turn_of(place, workdir, run="r2").take()
    assert not first.renew()
    assert holder_of(place.transport, workdir).run == "r2", "it was left to the other"
