"""The transport contract: one body, every transport of `places.py`."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from on_device import BUNDLES, KEYS, ODD_NAMES, at_work, ends, listing, past_its_deadline, shell
from places import PLACES, Place

from edgerig import process
from edgerig.devices import leftovers
from edgerig.devices.adb import AdbTransport
from edgerig.devices.bundle.provision import is_provisioned, tidy
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError, NotKept, Unreachable, disk_refusal

pytestmark = pytest.mark.contract

MIB = 2**20


@pytest.fixture(scope="module", params=PLACES)
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with PLACES[request.param](tmp_path_factory.mktemp(request.param)) as place:
        yield place


@pytest.fixture
def transport(device: Place) -> Transport:
    return device.transport


@pytest.fixture
def folder(device: Place, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh folder on the device, one per test."""
    path = f"{device.folder}/{abs(hash(request.node.name)):x}"
    assert device.transport.run(["mkdir", "-p", path], 30).returncode == 0
    yield path
    device.transport.run(["rm", "-rf", path], 30)


# Commands


@pytest.mark.parametrize("code", [0, 1, 3, 126, 127, 137, 255])
def test_exit_codes_are_exact(transport: Transport, code: int) -> None:
    assert shell(transport, f"exit {code}").returncode == code


@pytest.mark.parametrize("number", [1, 2, 4, 6, 8, 9, 11, 15])
def test_a_signal_is_its_negative_number(transport: Transport, number: int) -> None:
    done = shell(transport, f"kill -{number} $$")
    assert (done.returncode, done.timed_out) == (-number, False)


def test_streams_are_apart_and_exact(transport: Transport) -> None:
    done = shell(transport, "echo out; echo err >&2; printf tail")
    assert (done.stdout, done.stderr) == (b"out\ntail", b"err\n")


def test_a_silent_command_says_nothing(transport: Transport) -> None:
    done = transport.run(["true"], 30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_eight_megabytes_on_each_stream(transport: Transport) -> None:
    done = shell(transport, f"head -c {8 * MIB} /dev/zero >&2 & head -c {8 * MIB} /dev/zero; wait", timeout_s=120)
    assert (len(done.stdout), len(done.stderr)) == (8 * MIB, 8 * MIB)


def test_one_stream_may_fill_before_the_other_starts(transport: Transport) -> None:
    done = shell(transport, f"head -c {8 * MIB} /dev/zero >&2; head -c {8 * MIB} /dev/zero", timeout_s=120)
    assert (len(done.stdout), len(done.stderr)) == (8 * MIB, 8 * MIB)


def test_output_beyond_the_limit_is_dropped_and_the_command_still_ends(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "OUTPUT_LIMIT_BYTES", 1000)
    done = shell(transport, "head -c 1000000 /dev/zero; exit 3")
    assert (done.returncode, len(done.stdout)) == (3, 1000)


def test_output_need_not_be_text(transport: Transport) -> None:
    done = shell(transport, r"printf '\377\376\200\000\r\n\033'; printf '\300' >&2")
    assert (done.stdout, done.stderr) == (b"\xff\xfe\x80\x00\r\n\x1b", b"\xc0")


def test_arguments_arrive_as_they_were_given(transport: Transport) -> None:
    given = ["", " ", *ODD_NAMES, "--", "-n", "%s", "a" * 20_000]
    done = shell(transport, r'for a; do printf "%s\0" "$a"; done', *given)
    assert done.stdout.decode().split("\0")[:-1] == given


def test_an_argument_need_not_be_text(transport: Transport) -> None:
    done = shell(transport, 'printf "%s" "$1"', os.fsdecode(b"n\xff\xfe"))
    assert done.stdout == b"n\xff\xfe"


def test_an_unknown_program_is_a_device_error(transport: Transport) -> None:
    with pytest.raises(DeviceError, match="edgerig-no-such-program"):
        transport.run(["edgerig-no-such-program"], 30)


def test_the_hosts_environment_stays_on_the_host(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERIG_CONTRACT_SECRET", "do-not-tell")
    monkeypatch.setenv("LC_EDGERIG", "do-not-tell")
    names = [line.partition(b"=")[0] for line in transport.run(["env"], 30).stdout.splitlines()]
    assert b"PATH" in names
    assert not [
        name for name in names if name.startswith((b"EDGERIG", b"LC_EDGERIG", b"SSH_", b"ANDROID_", b"VIRTUAL"))
    ]


def test_standard_input_stays_open_until_the_end(transport: Transport) -> None:
    script = "exec 3<&0; (read -r line <&3; echo closed) & sleep 1; kill $! && echo open"
    assert shell(transport, script).stdout == b"open\n"


def test_the_deadline_ends_a_command_and_its_children_on_the_device(transport: Transport, folder: str) -> None:
    past_its_deadline(transport, 'sleep 300 & echo $! $$ >"$1"; echo begun; wait', f"{folder}/pids")
    pids = transport.run(["cat", f"{folder}/pids"], 30).stdout.split()
    assert len(pids) == 2
    assert all(ends(transport, int(pid)) for pid in pids)


def test_the_deadline_ends_a_command_that_ignores_every_polite_signal(transport: Transport, folder: str) -> None:
    script = 'trap "" HUP INT TERM PIPE; echo $$ >"$1"; echo begun; while :; do sleep 1; done'
    past_its_deadline(transport, script, f"{folder}/pid")
    assert ends(transport, int(transport.run(["cat", f"{folder}/pid"], 30).stdout))


def test_what_a_command_leaves_behind_is_ended(transport: Transport) -> None:
    begin = time.monotonic()
    done = shell(transport, "sleep 300 & echo $!", timeout_s=60)
    assert (done.returncode, done.timed_out) == (0, False)
    assert time.monotonic() - begin < 30
    assert ends(transport, int(done.stdout))


@pytest.mark.parametrize("then", ["exit 3", "sleep 300"])
def test_a_daemon_that_holds_the_streams_is_not_waited_for(
    transport: Transport, folder: str, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """It left the process group, so that neither the end nor the deadline reaches it."""
    monkeypatch.setattr("edgerig.devices.ssh.channel.END_TIMEOUT_S", 3.0)
    daemon = 'setsid sh -c \'echo $$ >"$1"; exec sleep 300\' sh "$1" & until [ -s "$1" ]; do sleep 0.1; done; echo said'
    begin = time.monotonic()
    try:
        done = shell(transport, f"{daemon}; {then}", f"{folder}/pid", timeout_s=5)
        assert (done.stdout, done.timed_out) == (b"said\n", then != "exit 3")
    except Unreachable as error:  # adbd tells of a killed command's end only when its streams are closed
        assert isinstance(transport, AdbTransport) and "deadline of 5 s" in error.message
    finally:
        assert time.monotonic() - begin < 60
        shell(transport, 'kill -9 "$(cat "$1")"', f"{folder}/pid")


def test_a_command_is_not_late_for_its_own_children(transport: Transport) -> None:
    """What keeps watch on the device must not be a child the program meets when it waits for its own."""
    done = shell(transport, "(exit 3) & wait $!; echo $?; wait; echo all", timeout_s=20)
    assert done.stdout == b"3\nall\n"


# Files


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 8 * MIB])
def test_a_file_goes_there_and_back(transport: Transport, folder: str, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "sent").write_bytes(content)
    transport.push(tmp_path / "sent", f"{folder}/file")
    transport.pull(f"{folder}/file", tmp_path / "back", max(size, 1))
    assert (tmp_path / "back").read_bytes() == content
    assert listing(transport, folder) == ["file"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_survive(transport: Transport, folder: str, tmp_path: Path, name: str) -> None:
    """Of a folder and of two files in it, one of them too small for the device's store."""
    inside, small, large = f"{folder}/in {name}", os.urandom(10), os.urandom(100_000)
    assert transport.run(["mkdir", inside], 30).returncode == 0
    for called, content in ((name, small), (f"{name}{name}", large)):
        (tmp_path / "sent").write_bytes(content)
        transport.push(tmp_path / "sent", f"{inside}/{called}")
    assert listing(transport, inside) == sorted([name, f"{name}{name}"])
    for called, content in ((name, small), (f"{name}{name}", large)):
        transport.pull(f"{inside}/{called}", tmp_path / "back", len(content))
        assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("size", [10, 100_000])
def test_overwriting_replaces_the_file_whole(transport: Transport, folder: str, tmp_path: Path, size: int) -> None:
    """A second name of the old file still shows the old content: it was replaced, never written into."""
    old, new = os.urandom(size), os.urandom(size + 1)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    transport.push(tmp_path / "old", f"{folder}/file")
    assert transport.run(["ln", f"{folder}/file", f"{folder}/second"], 30).returncode == 0
    transport.push(tmp_path / "new", f"{folder}/file")
    transport.pull(f"{folder}/file", tmp_path / "back", size + 1)
    transport.pull(f"{folder}/second", tmp_path / "second", size)
    assert ((tmp_path / "back").read_bytes(), (tmp_path / "second").read_bytes()) == (new, old)
    assert listing(transport, folder) == ["file", "second"]


def test_the_same_file_may_be_pushed_again_and_elsewhere(transport: Transport, folder: str, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (tmp_path / "sent").write_bytes(content)
    for name in ("file", "file", "other"):
        transport.push(tmp_path / "sent", f"{folder}/{name}")
    for name in ("file", "other"):
        transport.pull(f"{folder}/{name}", tmp_path / "back", 200_000)
        assert (tmp_path / "back").read_bytes() == content
    assert listing(transport, folder) == ["file", "other"]


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_push_into_a_missing_folder_is_a_device_error(
    transport: Transport, folder: str, tmp_path: Path, size: int
) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(size))
    with pytest.raises(DeviceError, match="missing/file"):
        transport.push(tmp_path / "sent", f"{folder}/missing/file")
    assert listing(transport, folder) == []


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_push_onto_a_folder_is_a_device_error(transport: Transport, folder: str, tmp_path: Path, size: int) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(size))
    assert transport.run(["mkdir", f"{folder}/taken"], 30).returncode == 0
    with pytest.raises(DeviceError):
        transport.push(tmp_path / "sent", f"{folder}/taken")
    assert listing(transport, folder) == ["taken"]
    assert listing(transport, f"{folder}/taken") == []


def test_a_push_of_a_missing_file_is_a_device_error(transport: Transport, folder: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="absent"):
        transport.push(tmp_path / "absent", f"{folder}/file")
    assert listing(transport, folder) == []


def test_a_pull_beyond_the_limit_is_a_device_error(transport: Transport, folder: str, tmp_path: Path) -> None:
    assert shell(transport, 'head -c 5000000 /dev/zero >"$1"', f"{folder}/file").returncode == 0
    begin = time.monotonic()
    with pytest.raises(DeviceError, match="5000000"):
        transport.pull(f"{folder}/file", tmp_path / "back", 4_999_999)
    assert time.monotonic() - begin < 20
    assert list(tmp_path.iterdir()) == []
    transport.pull(f"{folder}/file", tmp_path / "back", 5_000_000)
    assert (tmp_path / "back").stat().st_size == 5_000_000


def test_a_pull_of_a_missing_file_is_a_device_error(transport: Transport, folder: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="absent"):
        transport.pull(f"{folder}/absent", tmp_path / "back", 100)
    with pytest.raises(DeviceError):
        transport.pull(folder, tmp_path / "back", 10**9)
    assert list(tmp_path.iterdir()) == []


def test_a_pull_into_a_missing_folder_is_no_fault_of_the_device(
    transport: Transport, folder: str, tmp_path: Path
) -> None:
    assert shell(transport, 'echo x >"$1"', f"{folder}/file").returncode == 0
    with pytest.raises(NotKept):
        transport.pull(f"{folder}/file", tmp_path / "missing" / "back", 100)


@pytest.mark.parametrize("size", [8_192, 300_000])
def test_a_pull_onto_a_full_disk_is_no_fault_of_the_device(
    transport: Transport, folder: str, tmp_path: Path, size: int
) -> None:
    """A file of this process may grow to 4 KiB: as on a disk that is full (setrlimit(2))."""
    there, back = f"{folder}/file", tmp_path / "back"
    assert shell(transport, 'head -c "$2" /dev/zero >"$1"', there, str(size)).returncode == 0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(NotKept, match="File too large") as caught:
            transport.pull(there, back, size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert disk_refusal(caught.value)
    transport.pull(there, back, size)
    assert back.stat().st_size == size
    assert [path.name for path in tmp_path.iterdir()] == ["back"]


# Leftovers


def test_a_job_left_behind_is_ended_and_removed(transport: Transport, folder: str) -> None:
    job, other = f"{folder}/job-0123456789ab", f"{folder}/job-ba9876543210"
    assert transport.run(["mkdir", "-p", f"{job}/repeat-1", other], 30).returncode == 0
    with at_work(transport, other) as untouched:
        with at_work(transport, job) as ended:
            pids = [int(pid) for pid in transport.run(["cat", f"{job}/pids"], 30).stdout.split()]
            leftovers.end_job(transport, job)
            assert all(ends(transport, pid) for pid in pids)
        assert [done.returncode for done in ended] == [-9]
        assert listing(transport, folder) == ["job-ba9876543210"]
        assert untouched == []
    leftovers.end_job(transport, other)
    leftovers.end_job(transport, other)  # nothing there is nothing to do
    assert listing(transport, folder) == []


def test_what_a_run_left_is_ended_and_removed_and_no_other_runs(transport: Transport, folder: str) -> None:
    """Nor the same run's in another workdir: a machine may be several devices of one sweep."""
    ours, others = f"{folder}/job-r1-0123456789ab", f"{folder}/job-r12-0123456789ab"
    elsewhere = f"{folder}/more/job-r1-0123456789ab"
    assert transport.run(["mkdir", "-p", ours, others, elsewhere], 30).returncode == 0
    with at_work(transport, others) as untouched, at_work(transport, elsewhere) as untouched_too:
        with at_work(transport, ours) as ended:
            leftovers.end_run(transport, folder, "r1")
        assert [done.returncode for done in ended] == [-9]
        assert listing(transport, folder) == ["job-r12-0123456789ab", "more"]
        assert untouched == untouched_too == []
        leftovers.end_job(transport, others)
        leftovers.end_job(transport, elsewhere)


def test_old_leftovers_are_swept_and_what_others_use_is_not(transport: Transport, folder: str) -> None:
    make = 'cd "$1" && mkdir job-old job-young job-busy store && cd store && touch old.part young.part kept'
    age = 'cd "$1" && touch -t 202001010000 job-old job-busy store/old.part store/kept'
    assert shell(transport, make, folder).returncode == 0
    with at_work(transport, f"{folder}/job-busy") as ended:
        assert shell(transport, age, folder).returncode == 0
        leftovers.sweep(transport, folder)
        assert listing(transport, folder) == ["job-busy", "job-young", "store"]
        assert listing(transport, f"{folder}/store") == ["kept", "young.part"]
        assert ended == []
    leftovers.sweep(transport, f"{folder}/none")


# State


def test_the_probe_tells_what_the_device_is(device: Place, transport: Transport) -> None:
    record = transport.probe()
    assert record.arch == (device.arch or transport.run(["uname", "-m"], 30).stdout.decode().strip())
    assert record.cores is not None and record.cores >= 1
    if device.arch:
        assert record.memory_bytes is None and record.state.reasons["memory_bytes"]
    else:
        assert record.memory_bytes is not None and record.memory_bytes > 2**20
    assert record.cpu and record.os
    assert isinstance(record.state.load1, float)


# Bundles


def test_bundles_that_nobody_uses_are_removed(transport: Transport, folder: str) -> None:
    _, used, current, young = KEYS
    assert shell(transport, BUNDLES, folder, *KEYS).returncode == 0
    argv = ["sh", "-c", 'echo $$ >"$1"; exec "$2" 300', "sh", f"{folder}/pid", f"{folder}/bundles/{used}/bin/sleep"]
    runner = threading.Thread(target=transport.run, args=(argv, 120))
    runner.start()
    try:
        waits = 'until [ -s "$1" ] && ls -l "/proc/$(cat "$1")/exe" | grep -q bin/sleep; do sleep 0.1; done'
        assert shell(transport, waits, f"{folder}/pid").returncode == 0
        removed, size = tidy(transport, folder, current)
        assert removed == 1 and size > 0
        assert listing(transport, f"{folder}/bundles") == sorted([".new-fresh", used, current, young, "notes"])
    finally:
        shell(transport, 'kill -9 "$(cat "$1")"', f"{folder}/pid")
        runner.join(30)
    assert tidy(transport, folder, current)[0] == 1
    assert listing(transport, f"{folder}/bundles") == sorted([".new-fresh", current, young, "notes"])
    assert tidy(transport, f"{folder}/nothing", current) == (0, 0)


def test_a_bundle_that_is_asked_for_is_in_use(transport: Transport, folder: str) -> None:
    first, second, *_ = KEYS
    assert shell(transport, BUNDLES, folder, first, second, "young").returncode == 0
    name = 'printf %s "$2" >"$1" && touch -t 202001010000 "$1"'
    assert shell(transport, name, f"{folder}/bundles/{first}/complete", first).returncode == 0
    assert is_provisioned(transport, folder, first)
    assert not is_provisioned(transport, folder, "absent")
    assert tidy(transport, folder, "")[0] == 1
    assert first in listing(transport, f"{folder}/bundles")


def test_the_transport_works_on_after_every_kind_of_failure(transport: Transport, folder: str) -> None:
    with contextlib.suppress(DeviceError):
        transport.run(["edgerig-no-such-program"], 30)
    shell(transport, "sleep 60", timeout_s=0.5)
    shell(transport, "kill -9 $$")
    assert shell(transport, "echo fine").stdout == b"fine\n"
