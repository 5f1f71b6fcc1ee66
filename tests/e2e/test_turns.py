"""Two sweeps that want one device: never two jobs at work there, whichever way one of them ends."""

import json
import re
import signal
import threading
import time
from pathlib import Path
from typing import Self

import pytest
from e2e.commands import QUICK, Edgerig
from processes import processes, running, wait_for
from sshd import Sshd

pytestmark = pytest.mark.e2e

SWEEP = 'models = ["digits_cnn"]\nformats = ["onnx"]\nrecipes = ["fp32", "int8-static"]\nout = "reports"\n' + QUICK
LONG = SWEEP.replace("0.05", "500.0") + "max_seconds = 600\ntimeout_s = 900\n"
"""Longer than a test may take on a busy machine: nobody waits for its end."""


class Watch:
    """Looks at the jobs at work under `where` (a part of their folders' paths) all the time."""

    def __init__(self, where: str = "") -> None:
        self.where, self._done = where, threading.Event()
        self.seen: set[str] = set()
        self.together: list[set[str]] = []

    def jobs(self) -> set[str]:
        found = set()
        for pid in processes("runner.pyz", f"{self.where}/job-"):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_text()
            except OSError:
                continue
            found |= set(re.findall(r"/job-([0-9]{8}-[0-9]{6}-[0-9a-f]{4})-[0-9a-f]{12}/runner", line))
        return found

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            now = self.jobs()
            self.seen |= now
            if len(now) > 1:
                self.together.append(now)
            time.sleep(0.01)


def runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("reports/*/run.json"))


def statuses(run: Path) -> list[str]:
    return [cell["status"] for cell in json.loads((run / "results.json").read_text())["cells"]]


@pytest.mark.parametrize("device", ["local", "remote"])
def test_two_sweeps_take_turns_and_say_so(edgerig: Edgerig, remote: Sshd, device: str) -> None:
    file = edgerig.sweep_file(SWEEP.replace("0.05", "1.0"))
    with Watch(str(edgerig.folder / "work") if device == "remote" else "") as watch:
        sweeps = [edgerig.start("sweep", file, "--device", device) for _ in range(2)]
        ended = [sweep.communicate(timeout=300)[1] for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], ended
    ids = {run.name for run in runs(edgerig.folder)}
    assert len(ids) == 2 and ids <= watch.seen
    assert not [together for together in watch.together if together & ids]
    lines = [line for text in ended for line in text.splitlines() if "waiting device" in line]
    waited = [line for line in lines if any(run in line for run in ids)]  # this machine's turns are other tests' too
    assert 1 <= len(waited) <= 2, ended  # once per sweep, not once per cell
    assert all(f" {device}: in use by " in line and "run " in line and "since " in line for line in waited)
    assert any(run in line for run in ids for line in waited)
    for run in runs(edgerig.folder):
        assert statuses(run) == ["ok", "ok"]


def at_work(folder: Path, where: str) -> tuple[int, Path]:
    """The process id of the runner of the one sweep there is, and its run's folder."""
    [run] = wait_for(lambda: runs(folder), 120)
    [pid, *_] = wait_for(lambda: processes("runner.pyz", f"{where}/job-{run.name}-"), 120)
    return pid, run


@pytest.mark.parametrize("device", ["local", "remote"])
def test_no_wait_ends_at_once_and_costs_no_cell(edgerig: Edgerig, remote: Sshd, device: str) -> None:
    where = str(edgerig.folder / "work") if device == "remote" else ""
    first = edgerig.start("sweep", edgerig.sweep_file(LONG), "--device", device)
    _, run = at_work(edgerig.folder, where)
    second = edgerig("sweep", edgerig.sweep_file(SWEEP), "--device", device, "--no-wait")
    assert second.code == 5, second.err
    assert f"{device} is in use by " in second.err and run.name in second.err
    assert "Traceback" not in second.err
    assert (second.run / "journal.jsonl").read_bytes() == b""
    third = edgerig.start("sweep", "--resume", str(second.run))
    line = wait_for(lambda: next((said for said in third.stderr if "waiting device" in said), None), 300)
    assert run.name in line
    third.send_signal(signal.SIGINT)  # waiting can be interrupted
    third.communicate(timeout=120)
    assert third.returncode == 130
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=120)
    assert edgerig("sweep", "--resume", str(second.run)).code == 0
    assert statuses(second.run) == ["ok", "ok"]


def test_a_holder_that_was_killed_is_followed_by_its_own_run_at_once(edgerig: Edgerig, remote: Sshd) -> None:
    """Not after an hour, nor when its turn expires."""
    work = edgerig.folder / "work"
    first = edgerig.start("sweep", edgerig.sweep_file(LONG), "--device", "remote")
    pid, run = at_work(edgerig.folder, str(work))
    first.kill()
    first.communicate()
    wait_for(lambda: not running(pid))
    assert len(list(work.glob(f"job-{run.name}-*"))) == 1
    others = work / "job-20200101-000000-abcd-0123456789ab"
    others.mkdir()
    plan = json.loads((run / "run.json").read_text())
    plan["plan"]["sweep"]["run"]["min_seconds"] = 0.05
    (run / "run.json").write_text(json.dumps(plan))
    done = edgerig("sweep", "--resume", str(run))
    assert done.code == 0, done.err
    assert "waiting device" not in done.err
    assert statuses(run) == ["ok", "ok"]
    assert list(work.glob("job-*")) == [others]


def test_a_turn_of_a_holder_that_is_gone_expires(edgerig: Edgerig, remote: Sshd) -> None:
    """Another run waits no longer than for that. The turn's age is the test's: what it says is two minutes old."""
    work = edgerig.folder / "work"
    first = edgerig.start("sweep", edgerig.sweep_file(LONG), "--device", "remote")
    at_work(edgerig.folder, str(work))
    first.kill()
    first.communicate()
    [turn] = (work / "lease").iterdir()
    second = edgerig.start("sweep", edgerig.sweep_file(SWEEP), "--device", "remote")
    wait_for(lambda: next((said for said in second.stderr if "waiting device" in said), None), 300)
    renewed = turn / "renewed"
    renewed.write_text(f"{int(renewed.read_text()) - 121}\n")
    _, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
