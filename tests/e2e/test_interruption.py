"""A sweep may be killed at any point; nothing known is lost and nothing is done twice."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, runner_of, send
from processes import children, processes, wait_for

pytestmark = pytest.mark.e2e

SWEEP = (
    'models = ["digits_cnn"]\nformats = ["onnx", "tflite"]\nrecipes = ["fp32", "int8-static"]\nout = "reports"\n'
) + QUICK


def journal(folder: Path) -> list[str]:
    lines = [line for path in folder.glob("reports/*/journal.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["cell"] for line in lines]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the sweep needs is in the cache, so that a kill falls where the test wants it."""
    first = Edgerig(tmp_path_factory.mktemp("built"))
    assert first("sweep", first.sweep_file(SWEEP)).code == 0


@pytest.fixture
def sweep(edgerig: Edgerig, built: None) -> Callable[..., subprocess.Popen[str]]:
    """Starts the sweep."""
    return lambda *more: edgerig.start("sweep", edgerig.sweep_file(SWEEP), *more)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_sigkill_then_resume_gives_every_cell_once(
    edgerig: Edgerig, sweep: Callable[..., subprocess.Popen[str]], after: int
) -> None:
    child = sweep()
    wait_for(lambda: [*edgerig.folder.glob("reports/*/run.json")], 120)
    wait_for(lambda: len(journal(edgerig.folder)) >= after and children(child.pid), 120)
    below = children(child.pid)
    child.kill()
    child.communicate()
    wait_for(lambda: not set(below) & set(processes("edgerig")))  # its children end with it
    done_before = journal(edgerig.folder)
    (run,) = (edgerig.folder / "reports").glob("*-*-*")

    resumed = edgerig("sweep", "--resume", str(run))
    assert resumed.code == 0, resumed.err
    cells = journal(edgerig.folder)
    assert len(cells) == len(set(cells)) == 4
    assert cells[: len(done_before)] == done_before
    results = json.loads((run / "results.json").read_text())
    assert {cell["id"]: cell["status"] for cell in results["cells"]} == dict.fromkeys(cells, "ok")


ONE_AFTER_THE_OTHER = """\
import os, signal
from pathlib import Path
from edgerig.build.store import Store
from edgerig.cache import cache_root
from edgerig.plan import make_plan
from edgerig.spec import load_sweep
from edgerig.sweep.engine import CELL, run_sweep
from edgerig.sweep.environment import environment
from edgerig.sweep.run_folder import RunFolder

def begun():
    return RunFolder.create(make_plan(load_sweep(Path("sweep.toml"), {})), environment(), [])

def interrupting(progress):
    if progress.stage == CELL:
        os.kill(os.getpid(), signal.SIGINT)

first, second, store = begun(), begun(), Store(cache_root())
try:
    run_sweep(first, store, interrupting)
except KeyboardInterrupt:
    print("interrupted", len(first.outcomes()))
for run in (second, first):
    run_sweep(run, store, lambda _: None)
    print(*sorted({outcome.status for outcome in run.outcomes().values()}), len(run.outcomes()))
"""


def test_a_process_that_was_interrupted_sweeps_again(edgerig: Edgerig, built: None) -> None:
    """Two sweeps one after the other, and the first one resumed, in one process."""
    edgerig.sweep_file(SWEEP)
    command = [sys.executable, "-c", ONE_AFTER_THE_OTHER]
    done = subprocess.run(command, cwd=edgerig.folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["interrupted 1", "ok 4", "ok 4"]


def test_resuming_a_finished_run_runs_nothing(edgerig: Edgerig, sweep: Callable[..., subprocess.Popen[str]]) -> None:
    child = sweep()
    child.communicate()
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    before = (run / "journal.jsonl").read_bytes()
    resumed = edgerig("sweep", "--resume", str(run))
    assert resumed.code == 0, resumed.err
    assert (run / "journal.jsonl").read_bytes() == before


def test_ctrl_c_keeps_what_is_known_and_says_how_to_go_on(
    edgerig: Edgerig, sweep: Callable[..., subprocess.Popen[str]]
) -> None:
    child = sweep()
    wait_for(lambda: len(journal(edgerig.folder)) >= 1 and children(child.pid), 120)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    assert f"edgerig sweep --resume {run.relative_to(edgerig.folder)}" in err
    results = json.loads((run / "results.json").read_text())
    statuses = [cell["status"] for cell in results["cells"]]
    assert len(statuses) == 4
    assert set(statuses) == {"ok", "skipped"}
    skipped = next(cell for cell in results["cells"] if cell["status"] == "skipped")
    assert "--resume" in skipped["error"]["hint"]
    assert edgerig("sweep", "--resume", str(run)).code == 0


def test_a_runner_killed_mid_inference_costs_its_cell(edgerig: Edgerig) -> None:
    child = edgerig.start("sweep", edgerig.sweep_file(SWEEP.replace("0.05", "2.0")), "--format", "onnx")
    victim = runner_of(child)
    wait_for(lambda: not children(victim), 120)  # past the memory pass's fork
    send(victim, signal.SIGKILL)
    _, err = child.communicate(timeout=300)
    assert child.returncode == 1
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    cells = json.loads((run / "results.json").read_text())["cells"]
    failed = [cell for cell in cells if cell["status"] == "failed"]
    assert len(failed) == 1
    assert sum(cell["status"] == "ok" for cell in cells) == 1
    assert (failed[0]["error"]["stage"], failed[0]["error"]["kind"]) == ("run", "RunnerCrashed")
    assert "SIGKILL" in failed[0]["error"]["message"]
    assert failed[0]["id"] in err


def test_a_runner_that_hangs_is_killed_at_its_deadline(edgerig: Edgerig) -> None:
    file = edgerig.sweep_file(SWEEP.replace("0.05", "3.0") + "timeout_s = 12\n")
    child = edgerig.start("sweep", file, "--format", "tflite")
    victim = runner_of(child)
    send(victim, signal.SIGSTOP)
    child.communicate(timeout=300)
    assert child.returncode == 1
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    cells = json.loads((run / "results.json").read_text())["cells"]
    assert sorted(cell["status"] for cell in cells) == ["failed", "ok"]
    error = next(cell["error"] for cell in cells if cell["status"] == "failed")
    assert error["kind"] == "RunTimeout"
    assert "12 s" in error["message"]
    assert "run.timeout_s" in error["hint"]
    assert victim not in processes("runner.pyz")


def test_a_model_that_changed_is_not_mixed_into_an_old_run(edgerig: Edgerig) -> None:
    """Its cells of before and after would be held against one another's reference."""
    folder = edgerig.folder / "models" / "net"
    shutil.copytree(Path(__file__).parents[2] / "models" / "digits_cnn", folder)
    file = edgerig.sweep_file(SWEEP.replace("digits_cnn", "net"))
    assert edgerig("sweep", file, "--format", "onnx").code == 0
    (run,) = (edgerig.folder / "reports").glob("*-*-*")
    lines = (run / "journal.jsonl").read_text().splitlines()
    (run / "journal.jsonl").write_text(lines[0] + "\n")
    with (folder / "model.py").open("a") as code:
        code.write("# another model\n")
    resumed = edgerig("sweep", "--resume", str(run))
    assert resumed.code == 1
    assert "changed since this run began" in resumed.err
    cells = json.loads((run / "results.json").read_text())["cells"]
    assert sorted(cell["status"] for cell in cells) == ["failed", "ok"]
