"""A phone's browser over a real adbd: this machine's Chromium in the network of an Android-like device, its developer
tools at an abstract socket there. What stands in for the rest of a phone is said in `adbd.py`."""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator

import adbd
import pytest
from adbd import AdbTarget
from browser import BROWSER
from e2e.commands import QUICK, Edgerig, Ended
from phone_browser import SOCKET, phone_browser
from processes import processes, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("adb", "chromium", "npm", "user namespaces"),
]

DEVICE = 'kind = "adb-browser"\nconnect = "{address}"\n'
SWEEP = """
models = ["digits_cnn"]
formats = ["onnx", "tflite", "executorch"]
recipes = ["fp32"]
devices = ["phone"]
"""
LASTING = """
models = ["digits_cnn"]
formats = ["onnx"]
recipes = ["fp32"]
devices = ["phone"]
[run]
min_seconds = {seconds}
timeout_s = {timeout_s}
repeats = 1
attempts = 1
profile = "never"
"""


IN_THE_MIDDLE_S = 4.0
"""After which a page that is shown is loaded, and at work."""


@pytest.fixture(scope="module")
def phone() -> Iterator[AdbTarget]:
    with adbd.adb_target("amd64") as target, pytest.MonkeyPatch.context() as patch:
        for key, value in target.environment.items():
            patch.setenv(key, value)
        yield target


@pytest.fixture
def edgerig(edgerig: Edgerig, phone: AdbTarget) -> Edgerig:
    return with_phone(edgerig, phone)


def with_phone(edgerig: Edgerig, phone: AdbTarget) -> Edgerig:
    (edgerig.folder / "devices").mkdir()
    (edgerig.folder / "devices" / "phone.toml").write_text(DEVICE.format(address=phone.address))
    return edgerig


@pytest.fixture(scope="module")
def sweep(phone: AdbTarget, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = with_phone(Edgerig(tmp_path_factory.mktemp("phone")), phone)
    with phone_browser(phone, str(BROWSER)):
        done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
        assert tabs(phone) == ["about:blank"], "its user's tab is there, none of ours is left"
    assert done.code == 0, done.err
    return done


def tabs(phone: AdbTarget) -> list[str]:
    """The addresses of the pages the browser has open."""
    with forwarded(phone) as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as answer:
        return [each["url"] for each in json.load(answer) if each["type"] == "page"]


@contextlib.contextmanager
def forwarded(phone: AdbTarget) -> Iterator[int]:
    """A port that leads to the browser's tools, made by the real client."""
    made = phone.adb("-s", phone.address, "forward", "tcp:0", f"localabstract:{SOCKET}")
    port = int(made.stdout)
    yield port
    phone.adb("-s", phone.address, "forward", "--remove", f"tcp:{port}")


def rules(phone: AdbTarget) -> bytes:
    there = phone.adb("-s", phone.address, "reverse", "--list")
    assert there.returncode == 0, there
    return (phone.adb("forward", "--list").stdout + there.stdout).strip()


@contextlib.contextmanager
def rules_removed(phone: AdbTarget) -> Iterator[None]:
    """On leaving: of a sweep that was killed they stay with the link (docs/browser.md)."""
    try:
        yield
    finally:
        phone.adb("-s", phone.address, "reverse", "--remove-all")


def test_every_format_that_runs_there_is_as_accurate_as_its_source(sweep: Ended) -> None:
    ran = {name: cell for name, cell in sweep.cells.items() if cell["status"] == "ok"}
    assert {cell["engine"]["name"] for cell in ran.values()} == {"ort_web", "litert_js"}
    for cell in ran.values():
        assert cell["accuracy"]["value"] > 0.98
        assert cell["parity"]["relative_error"] < 1e-5
        assert not any("not isolated" in note for note in cell["engine"]["notes"]), "threads, and the finer clock"
    (refused,) = (cell for cell in sweep.cells.values() if cell["status"] != "ok")
    assert (refused["status"], refused["format"]) == ("unsupported", "executorch")


def test_the_record_is_the_phones_and_what_this_host_could_tell_is_not_taken_for_it(sweep: Ended) -> None:
    record = sweep.results["devices"]["phone"]
    state = record["state"]
    assert (record["kind"], state["maker"], state["battery"]["percent"]) == ("adb-browser", "Debian", 87)
    assert "Chrome/" in state["browser"]
    for cell in sweep.cells.values():
        if cell["status"] == "ok":
            assert cell["latency"]["controls"]["clock_ms"] == [], "they would be this host's"
            assert "by the browser's own count" in cell["memory"]["reason"]
            assert cell["affinity"]["reason"]


def test_the_browser_was_brought_to_the_front_and_nothing_of_ours_is_left(sweep: Ended, phone: AdbTarget) -> None:
    front = phone.adb("-s", phone.address, "shell", "cat /data/local/tmp/am.log").stdout.decode()
    assert "-a android.intent.action.MAIN -c android.intent.category.LAUNCHER -p com.android.chrome" in front
    assert rules(phone) == b""


def test_a_run_that_is_ended_at_its_deadline_leaves_no_page_at_work(
    edgerig: Edgerig, phone: AdbTarget, scratch: str
) -> None:
    with phone_browser(phone, str(BROWSER)):
        done = edgerig("sweep", edgerig.sweep_file(LASTING.format(seconds=60, timeout_s=10)))
        assert done.code == 1
        (cell,) = done.cells.values()
        assert cell["error"]["kind"] == "RunTimeout"
        assert tabs(phone) == ["about:blank"]
    assert rules(phone) == b""
    assert processes(scratch) == []


def test_a_page_whose_sweep_was_killed_is_closed_before_the_next_cell_is_timed(
    edgerig: Edgerig, phone: AdbTarget, scratch: str
) -> None:
    """Nobody told it that its host is gone: it computes on, until it has its seconds."""
    with phone_browser(phone, str(BROWSER)), rules_removed(phone):
        sweep = edgerig.start("sweep", edgerig.sweep_file(LASTING.format(seconds=20, timeout_s=300)))
        wait_for(lambda: any("page.html" in each for each in tabs(phone)), 200)
        time.sleep(IN_THE_MIDDLE_S)
        sweep.kill()
        sweep.communicate(timeout=60)
        wait_for(lambda: processes(scratch) == [], 30)
        (left,) = (each for each in tabs(phone) if "page.html" in each)
        (run,) = (edgerig.folder / "reports").glob("2*")
        resumed = edgerig.start("sweep", "--resume", str(run))
        wait_for(lambda: any("page.html" in each and each != left for each in tabs(phone)), 200)
        assert left not in tabs(phone)
        _, said = resumed.communicate(timeout=300)
        assert resumed.returncode == 0, said


def test_the_doctor_beside_a_sweep_tells_of_it_and_leaves_the_screen_alone(edgerig: Edgerig, phone: AdbTarget) -> None:
    with phone_browser(phone, str(BROWSER)):
        sweep = edgerig.start("sweep", edgerig.sweep_file(LASTING.format(seconds=60, timeout_s=300)))
        wait_for(lambda: any("page.html" in each for each in tabs(phone)), 200)
        before = fronts(phone)
        done = edgerig("devices", "doctor", "phone")
        assert (done.code, "turn: in use by" in done.out) == (0, True), done.out
        assert fronts(phone) == before
        sweep.send_signal(signal.SIGINT)
        sweep.communicate(timeout=60)
        assert tabs(phone) == ["about:blank"]
    assert rules(phone) == b""


def test_a_socket_where_nobody_listens_is_named(edgerig: Edgerig, phone: AdbTarget) -> None:
    file = edgerig.folder / "devices" / "phone.toml"
    file.write_text(file.read_text() + 'socket = "nobody_there"\n')
    done = edgerig("devices", "doctor", "phone")
    assert done.code != 0
    assert "no browser answers at nobody_there" in done.out + done.err


def fronts(phone: AdbTarget) -> int:
    """How often an app was brought to the front."""
    return phone.adb("-s", phone.address, "shell", "cat /data/local/tmp/am.log").stdout.count(b"LAUNCHER")


def test_a_browser_that_ends_in_the_middle_costs_its_cell(edgerig: Edgerig, phone: AdbTarget) -> None:
    with phone_browser(phone, str(BROWSER)) as running:
        sweep = edgerig.start("sweep", edgerig.sweep_file(LASTING.format(seconds=60, timeout_s=300)))
        wait_for(lambda: any("page.html" in each for each in tabs(phone)), 200)
        ending = threading.Timer(2.0, os.killpg, [running.pid, signal.SIGKILL])
        ending.start()
        _, said = sweep.communicate(timeout=120)
        ending.join()
    assert sweep.returncode == 1
    assert "ended before the run did" in said
    wait_for(lambda: rules(phone) == b"", 10)


def test_no_browser_there_costs_a_cell_with_what_to_do(edgerig: Edgerig, phone: AdbTarget) -> None:
    begin = time.monotonic()
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), "--format", "onnx")
    assert done.code == 1
    (cell,) = done.cells.values()
    assert (cell["error"]["stage"], cell["error"]["kind"]) == ("deploy", "DeviceError")
    assert "no browser answers at chrome_devtools_remote of adb:127.0.0.1:" in cell["error"]["message"]
    assert "Open it by hand once" in cell["error"]["hint"]
    assert time.monotonic() - begin < 120


def test_the_doctor_says_what_it_reached(edgerig: Edgerig, phone: AdbTarget) -> None:
    with phone_browser(phone, str(BROWSER)):
        done = edgerig("devices", "doctor", "phone")
    assert done.code == 0, done.err
    assert "browser: Chrome/" in done.out.replace("HeadlessChrome", "Chrome")
