"""A device that fails costs its own cells: the others go on, and nothing measured is lost."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import adbd
import pytest
from adbd import AdbTarget
from e2e.commands import QUICK, Edgerig
from processes import children, processes, wait_for
from sshd import Sshd

pytestmark = pytest.mark.e2e

SWEEP = (
    'models = ["digits_cnn"]\nformats = ["onnx"]\nrecipes = ["fp32", "fp16"]\n'
    'devices = ["remote", "local"]\nout = "reports"\n'
)

LONGER = QUICK.replace("0.05", "3.0").replace("repeats = 1", "repeats = 2")
"""Two processes of 1.5 s each: time to strike at one, and a second one on the device."""

ALL_RECIPES = [flag for name in ("fp32", "fp16", "int8-dynamic", "int8-static") for flag in ("--recipe", name)]


def cells(folder: Path) -> dict[str, Any]:
    (run,) = (folder / "reports").glob("*-*-*")
    return {cell["id"]: cell for cell in json.loads((run / "results.json").read_text())["cells"]}


def remote_runner(folder: Path) -> int:
    """The pid of the runner the sshd has started: the interpreter itself, past its memory pass's fork."""

    def found() -> int | None:
        started = processes("runner.pyz", str(folder / "work"))
        pythons = [pid for pid in started if "python" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))]
        return pythons[0] if len(pythons) == 1 and not children(pythons[0]) else None

    return wait_for(lambda: quietly(found), 120)


Found = TypeVar("Found")


def quietly(ask: Callable[[], Found]) -> Found | None:
    """None for a process that ended while it was looked at."""
    try:
        return ask()
    except OSError:
        return None


def jobs(folder: Path) -> list[Path]:
    return list((folder / "work").glob("job-*"))


def test_a_device_that_goes_away_mid_run_costs_that_cell_and_is_clean_once_it_is_back(
    edgerig: Edgerig, remote: Sshd
) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), "--device", "remote")
    remote_runner(edgerig.folder)
    remote.kill()
    wait_for(lambda: not processes("runner.pyz", str(edgerig.folder / "work")), 30)  # no orphan on the device
    wait_for(lambda: any(path.read_text() for path in edgerig.folder.glob("reports/*/journal.jsonl")), 120)
    assert len(jobs(edgerig.folder)) == 1
    remote.start()
    _, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 1, err
    assert "Traceback" not in err
    found = cells(edgerig.folder)
    assert sorted(cell["status"] for cell in found.values()) == ["failed", "ok"]
    (failed,) = (cell for cell in found.values() if cell["status"] == "failed")
    assert failed["error"]["kind"] == "Unreachable"
    assert failed["error"]["hint"]
    assert jobs(edgerig.folder) == []


def test_ctrl_c_ends_the_wait_for_a_device_that_is_gone(edgerig: Edgerig, remote: Sshd) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), "--device", "remote")
    remote_runner(edgerig.folder)
    remote.kill()
    wait_for(lambda: any(path.read_text() for path in edgerig.folder.glob("reports/*/journal.jsonl")), 120)
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert "Traceback" not in err
    assert sorted(cell["status"] for cell in cells(edgerig.folder).values()) == ["failed", "skipped"]


def test_a_device_that_is_off_from_the_start_leaves_the_others_alone(edgerig: Edgerig, remote: Sshd) -> None:
    remote.kill()
    begin = time.monotonic()
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 1
    assert time.monotonic() - begin < 120
    for identity, cell in done.cells.items():
        if "@local" in identity:
            assert cell["status"] == "ok"
        else:
            assert (cell["status"], cell["error"]["stage"]) == ("failed", "deploy")
            assert cell["error"]["kind"] == "Unreachable"


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [(signal.SIGKILL, "RunnerCrashed", "SIGKILL"), (signal.SIGILL, "RunnerCrashed", "SIGILL")],
)
def test_a_runner_killed_on_the_device_costs_its_cell_and_leaves_it_clean(
    edgerig: Edgerig, remote: Sshd, how: signal.Signals, kind: str, said: str
) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), "--device", "remote")
    remote_runner(edgerig.folder)
    time.sleep(0.7)  # the fork comes a moment after the interpreter's start: be past it
    victim = remote_runner(edgerig.folder)
    os.kill(victim, how)
    sweep.communicate(timeout=300)
    statuses = sorted(cell["status"] for cell in cells(edgerig.folder).values())
    assert statuses == ["failed", "ok"]
    failed = next(cell for cell in cells(edgerig.folder).values() if cell["status"] == "failed")
    assert failed["error"]["kind"] == kind
    assert said in failed["error"]["message"]
    if how == signal.SIGILL:
        assert "CPU feature" in failed["error"]["hint"]
    assert jobs(edgerig.folder) == []


HOSTILE = """\
import json, pathlib, sys
job = pathlib.Path(sys.argv[1]).parent
cell = json.loads((job / "job.json").read_text())["cell"]
if "-fp32@" in cell:
    (job / "samples.npy").write_bytes(b"PK" + bytes([3, 4]) + bytes(100))
if "-fp16@" in cell:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000, 10)}"
    (job / "output_0.npy").write_bytes(b"\\x93NUMPY" + bytes([1, 0, len(header), 0]) + header)
if "-int8-dynamic@" in cell:
    raw = json.loads((job / "raw.json").read_text())
    raw["engine"]["outputs"][0]["shape"] = [1, 10**15]
    (job / "raw.json").write_text(json.dumps(raw))
"""
"""What a device does to the raw runs of three recipes before it hands them over."""


def test_a_device_that_lies_costs_its_own_cells(edgerig: Edgerig, remote: Sshd) -> None:
    python = edgerig.folder / "python"
    (edgerig.folder / "hostile.py").write_text(HOSTILE)
    python.write_text(
        f'#!/bin/sh\n{sys.executable} "$@" || exit\n'
        f'case $* in *runner.pyz*) shift $(($# - 1)); exec {sys.executable} {edgerig.folder}/hostile.py "$1" ;; esac\n'
    )
    python.chmod(0o755)
    device = edgerig.folder / "devices" / "remote.toml"
    device.write_text(device.read_text().replace(f'python = "{sys.executable}"', f'python = "{python}"'))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), *ALL_RECIPES)
    assert done.code == 1
    assert "Traceback" not in done.err
    failed = {identity: cell["error"] for identity, cell in done.cells.items() if cell["status"] != "ok"}
    assert len(done.cells) == 8
    assert {error["kind"] for error in failed.values()} == {"UnparsableOutput"}
    assert {identity: error["message"].split(": ")[1] for identity, error in failed.items()} == {
        "digits_cnn-torch-onnx-fp32@remote/t1": "samples.npy",
        "digits_cnn-torch-onnx-fp16@remote/t1": "output_0.npy",
        "digits_cnn-torch-onnx-int8-dynamic@remote/t1": (
            "on the device the file's outputs have shapes [(1, 1000000000000000)], here [(1, 10)]"
        ),
    }


@contextlib.contextmanager
def small_disk(work: Path, size: str) -> Iterator[None]:
    """A real file system of its own where the device keeps its jobs."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    work.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(work)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(work)], check=True)


def test_a_device_without_space_is_named_and_left_clean(edgerig: Edgerig, remote: Sshd) -> None:
    work = edgerig.folder / "work"
    with small_disk(work, "64k"):
        done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), "--recipe", "fp32")
        assert done.cells["digits_cnn-torch-onnx-fp32@local/t1"]["status"] == "ok"
        failed = done.cells["digits_cnn-torch-onnx-fp32@remote/t1"]
        assert failed["status"] == "failed"
        assert "space" in (failed["error"]["message"] + failed["error"]["hint"]).lower()
        assert jobs(edgerig.folder) == []
        assert not list(Path(work).rglob("*.part"))


def test_a_disk_that_fills_up_during_a_run_is_named(edgerig: Edgerig, remote: Sshd) -> None:
    work = edgerig.folder / "work"
    with small_disk(work, "16m"):
        flags = ("--device", "remote", "--recipe", "fp32")
        sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), *flags)
        remote_runner(edgerig.folder)
        with pytest.raises(OSError, match="No space left"), (work / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(4096))
        sweep.communicate(timeout=300)
        (failed,) = cells(edgerig.folder).values()
        assert (failed["status"], failed["error"]["stage"], failed["error"]["kind"]) == ("failed", "run", "RunError")
        assert "No space left on device" in failed["error"]["message"]
        assert "free some space on the device" in failed["error"]["hint"]
        assert jobs(edgerig.folder) == []


@pytest.mark.parametrize("device", ["remote", "local"])
def test_a_disk_of_this_machine_that_fills_up_ends_the_sweep_and_costs_no_cell(
    edgerig: Edgerig, remote: Sshd, device: str
) -> None:
    """While a cell's results are on their way: they are the device's no more than the disk is."""
    reports = edgerig.folder / "reports"
    with small_disk(reports, "12m"):  # the faster the machine, the more samples there are to keep
        sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), "--device", device, "--recipe", "fp32")
        (run,) = wait_for(lambda: [path.parent for path in reports.glob("*/run.json")], 60)
        wait_for(lambda: processes("runner.pyz", f"/job-{run.name}-"), 120)
        with pytest.raises(OSError, match="No space left"), (reports / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(4096))
        _, err = sweep.communicate(timeout=300)
        assert sweep.returncode == 2, err
        assert "No space left on device" in err
        assert "Traceback" not in err
        assert f"make space, then go on with: edgerig sweep --resume {run.relative_to(edgerig.folder)}" in err
        assert (run / "journal.jsonl").read_bytes() == b""
        assert jobs(edgerig.folder) == []
        (reports / "other").unlink()
        done = edgerig("sweep", "--resume", str(run))
        assert done.code == 0, done.err
        assert [cell["status"] for cell in cells(edgerig.folder).values()] == ["ok"]


def test_temporary_files_that_find_no_space_end_the_sweep_and_cost_no_cell(
    edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log that would say so is on the same disk."""
    monkeypatch.setenv("EDGERIG_CACHE", str(edgerig.folder / "cache"))
    with small_disk(edgerig.folder / "temporary", "96k"):
        monkeypatch.setenv("TMPDIR", str(edgerig.folder / "temporary"))
        done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK), "--device", "local", "--recipe", "fp32")
        assert done.code == 2, done.err
        assert "No space left on device" in done.err
        assert "make space, then go on with: edgerig sweep --resume" in done.err
        assert "Traceback" not in done.err
        assert (done.run / "journal.jsonl").read_bytes() == b""


def test_a_run_whose_folder_is_removed_ends(edgerig: Edgerig, remote: Sshd) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER), "--device", "remote")
    remote_runner(edgerig.folder)
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    shutil.rmtree(run)
    _, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 2, err
    assert "was removed or moved while the sweep ran" in err
    assert "Traceback" not in err
    assert not run.exists()
    assert jobs(edgerig.folder) == []


def test_ctrl_c_leaves_nothing_on_the_device(edgerig: Edgerig, remote: Sshd) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + QUICK.replace("0.05", "30.0")), "--device", "remote")
    remote_runner(edgerig.folder)
    assert len(jobs(edgerig.folder)) == 1
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert "Traceback" not in err
    assert jobs(edgerig.folder) == []
    wait_for(lambda: not processes("runner.pyz", str(edgerig.folder / "work")), 10)
    assert {cell["status"] for cell in cells(edgerig.folder).values()} == {"skipped"}


# The same over adb

ADB_WORKDIR = "/data/local/tmp/edgerig"


@pytest.fixture
def phone(edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbTarget]:
    """A real adbd, and the device file that leads to it."""
    with adbd.adb_target("amd64") as target:
        for key, value in target.environment.items():
            monkeypatch.setenv(key, value)
        (edgerig.folder / "devices").mkdir()
        (edgerig.folder / "devices" / "phone.toml").write_text(f'kind = "adb"\nconnect = "{target.address}"\n')
        yield target


def adb_runner() -> int:
    """The pid of the runner adbd has started, past its memory pass's fork; not the shells around it."""

    def found() -> int | None:
        started = [pid for pid in runners_there() if not children(pid)]
        return started[0] if len(started) == 1 else None

    return wait_for(lambda: quietly(found), 120)


def runners_there() -> list[int]:
    """Only a process of the device has its command line begin in the bundle."""
    lines = {pid: quietly(Path(f"/proc/{pid}/cmdline").read_bytes) for pid in processes("runner.pyz")}
    return [pid for pid, line in lines.items() if line and line.startswith(b"/data/")]


def adb_jobs(phone: AdbTarget) -> list[str]:
    done = phone.adb("-s", phone.address, "shell", f"ls {ADB_WORKDIR}")
    assert done.returncode == 0, done
    return [name for name in done.stdout.decode().split() if name.startswith("job-")]


def test_ctrl_c_leaves_nothing_on_an_adb_device(edgerig: Edgerig, phone: AdbTarget) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + QUICK.replace("0.05", "30.0")), "--device", "phone")
    adb_runner()
    assert len(adb_jobs(phone)) == 1
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    assert "Traceback" not in err
    assert adb_jobs(phone) == []
    assert not runners_there()
    assert {cell["status"] for cell in cells(edgerig.folder).values()} == {"skipped"}


def test_an_adbd_that_dies_mid_run_costs_its_cell_and_leaves_nothing(edgerig: Edgerig, phone: AdbTarget) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(SWEEP + LONGER.replace("3.0", "6.0")), "--device", "phone")
    victim = adb_runner()
    phone.restart_adbd()
    _, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 1, err
    assert "Traceback" not in err
    found = cells(edgerig.folder).values()
    assert sorted(cell["status"] for cell in found) == ["failed", "ok"]
    [failed] = [cell for cell in found if cell["status"] == "failed"]
    assert failed["error"]["kind"] == "Unreachable"
    assert failed["error"]["hint"]
    assert victim not in runners_there()
    assert adb_jobs(phone) == []
