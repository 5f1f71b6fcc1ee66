"""What a stage that goes wrong costs, and what it costs nobody."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from distributed import get_worker
from unit.sweep.stages import Bench, Sweep, built

from edgerig import process
from edgerig.build import spawn
from edgerig.build.request import Failure
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.errors import DeviceError, NotKept
from edgerig.measure import raw
from edgerig.measure.sharing import alone
from edgerig.npy import load_untrusted
from edgerig.report.run import write_all
from edgerig.sweep import conclude, engine, sessions, workers
from edgerig.sweep.progress import Progress


def raising(error: BaseException, function: Callable[..., object], when: Callable[..., bool]) -> Callable[..., object]:
    """`function`, or `error` for the arguments `when` says."""

    def call(*args: object, **named: object) -> object:
        if when(*args):
            raise error
        return function(*args, **named)

    return call


class Fault(NamedTuple):
    """Where a fault is put, the calls it meets, a word in the ids of the cells it costs, the stage they say."""

    where: object
    name: str
    when: Callable[..., bool]
    word: str
    stage: str


FAULTS = {
    "prepare": Fault(spawn, "prepare", lambda model, *_: model.name == "digits_vit", "digits_vit", "prepare"),
    "build": Fault(spawn, "build_variants", lambda model, form, *_: form == "onnx", "onnx", "build"),
    "run": Fault(Bench, "execute", lambda bench, job: "int8" in job.cell, "int8", "run"),
    "measure": Fault(conclude, "measured", lambda ran: "int8" in ran.cell.id, "int8", "measure"),
}
IN_TASKS = ("prepare", "build", "run")
"""Those that a worker of Dask's runs."""


@pytest.mark.parametrize(
    ("fault", "kind"),
    [*((fault, ZeroDivisionError) for fault in FAULTS), *((fault, SystemExit) for fault in IN_TASKS)],
)
def test_what_nobody_foresaw_costs_its_cells_alone(
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    fault: str,
    kind: type[BaseException],
) -> None:
    """A stage that ends the process it runs in too: Dask would let that through, and nobody would tell of the task."""
    module, name, when, word, stage = FAULTS[fault]
    error = kind("by \x1b[31mzero\udcff")
    monkeypatch.setattr(module, name, raising(error, getattr(module, name), when))
    run = sweep()
    results = conclude.conclude(run)

    assert len(run.outcomes()) == len(results.cells) == 8
    for cell in results.cells:
        assert cell.status == ("failed" if word in cell.id else "ok"), cell
        if word in cell.id:
            assert (cell.error.stage, cell.error.kind) == (stage, "InternalError")
            assert cell.error.message == f"{kind.__name__}: by ·[31mzero·"
            kept = cell.error.hint.partition("with ")[2]
            assert "raise error" in (run.path / kept).read_text()
    assert {path.name for path in write_all(results, run.path)} >= {"results.json", "index.html"}
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(("file", "compared"), [("output_0.npy", False), ("samples.npy", True)])
def test_a_damaged_fp32_run_costs_the_others_nothing_but_their_comparison_with_it(
    sweep: Sweep, file: str, compared: bool
) -> None:
    """Nor that, where what it gave is whole."""
    run = sweep()
    damaged = "digits_cnn-torch-onnx-fp32@local/t1"
    (run.path / "raw" / damaged / file).write_bytes(b"PK")
    cells = {cell.id: cell for cell in conclude.conclude(run).cells}
    assert [cell.id for cell in cells.values() if cell.status == "failed"] == [damaged]
    assert cells[damaged].error.kind == "UnparsableOutput"
    parity = cells[damaged.replace("fp32", "int8-static")].parity
    assert (parity.disagreement is None) != compared
    assert (damaged in parity.disagreement_reason) != compared


def test_a_raw_runs_samples_are_read_once_for_its_results(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for its device's core nor for the cells that are compared with it."""
    run = sweep()
    read: list[str] = []

    def load(path: Path, *given: Any) -> Any:
        read.append(str(path))
        return load_untrusted(path, *given)

    monkeypatch.setattr(raw, "load_untrusted", load)
    conclude.conclude(run)
    samples = [path for path in read if path.endswith("samples.npy")]
    assert len(samples) == len(set(samples)) == 8


def test_of_one_device_its_own_cells_alone_are_concluded(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what they have in the whole; of the other device's nothing is read."""
    run = sweep("local", "qemu-rpi4")
    whole = [cell for cell in conclude.conclude(run).cells if cell.device == "qemu-rpi4"]
    read: list[str] = []

    def load(path: Path, *given: Any) -> Any:
        read.append(str(path))
        return load_untrusted(path, *given)

    monkeypatch.setattr(raw, "load_untrusted", load)
    results = conclude.conclude(run, "qemu-rpi4")
    assert list(results.cells) == whole
    assert list(results.devices) == ["qemu-rpi4"]
    assert len(whole) == 8
    assert not [path for path in read if "@local" in path]


def test_what_nobody_foresaw_of_a_devices_core_costs_no_cell(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    run = sweep()
    monkeypatch.setattr(conclude, "alone", raising(ZeroDivisionError("by zero"), alone, lambda *_: True))
    assert {cell.status for cell in conclude.conclude(run).cells} == {"ok"}


def wrapped(code: int) -> DeviceError:
    """A full disk as a seam tells it: its own error, raised from the system's."""
    error = DeviceError("it could not be sent")
    error.__cause__ = OSError(code, os.strerror(code), "/some/file")
    return error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
@pytest.mark.parametrize("fault", ["prepare", "build", "run"])
def test_a_full_disk_ends_the_sweep_and_costs_no_cell(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, fault: str, code: int
) -> None:
    module, name, when, word, _ = FAULTS[fault]
    for error in (OSError(code, os.strerror(code)), wrapped(code)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, raising(error, getattr(module, name), when))
            with pytest.raises(NotKept, match=os.strerror(code)) as caught:
                sweep()
        assert caught.value.hint == f"make space, then go on with: edgerig sweep --resume {sweep.run.path}"
        assert not [cell for cell in sweep.run.outcomes() if word in cell]
    assert {outcome.status for outcome in sweep().outcomes().values()} == {"ok"}
    assert len(sweep.run.outcomes()) == 8


def test_a_build_that_had_no_space_ends_the_sweep_too(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """It speaks through text: its process is another."""

    def full(*given: Any, joins: bool) -> list[BuildOutcome]:
        failure = Failure(kind="InternalError", message="OSError: [Errno 28] No space left on device", hint="")
        return [built(given[2][0]).model_copy(update={"artifact": None, "failure": failure})]

    monkeypatch.setattr(spawn, "build_variants", full)
    with pytest.raises(NotKept, match="No space left on device"):
        sweep()
    assert sweep.run.outcomes() == {}


def test_what_went_from_the_store_is_built_again_on_resuming(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache was pruned meanwhile: an outcome would say for ever that the file is not there."""
    with monkeypatch.context() as patch:
        patch.setattr(Store, "find", lambda store, kind, key: None)
        run = sweep()
    assert run.outcomes() == {}
    assert {cell.status for cell in conclude.conclude(run).cells} == {"skipped"}
    assert {outcome.status for outcome in sweep().outcomes().values()} == {"ok"}


def test_an_interrupted_stage_is_no_failure(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it raises then comes of the interruption; an outcome would keep the cell from being resumed."""

    def interrupted(*_: object, **__: object) -> None:
        get_worker().plugins[sessions.PLUGIN].scope.stop()
        raise ValueError

    monkeypatch.setattr(Bench, "execute", interrupted)
    with pytest.raises(process.Stopped):
        sweep()
    assert sweep.run.outcomes() == {}


@pytest.mark.parametrize("fault", IN_TASKS)
def test_an_interrupt_within_a_task_ends_the_sweep_and_costs_nothing(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Wherever it is raised: the sweep does not wait for a task that nobody will tell of any more."""
    module, name, when, word, _ = FAULTS[fault]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, raising(KeyboardInterrupt(), getattr(module, name), when))
        with pytest.raises(KeyboardInterrupt):
            sweep()
    assert not [cell for cell in sweep.run.outcomes() if word in cell]
    assert {outcome.status for outcome in sweep().outcomes().values()} == {"ok"}


def test_a_task_raises_nothing_that_dask_lets_pass() -> None:
    with pytest.raises(RuntimeError, match=r"ended itself: SystemExit\(3\)"):
        workers.comes_back(sys.exit)(3)


def test_a_sweep_that_was_stopped_stops_no_other_of_its_process(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice in one process: the first is interrupted while a child of it runs, which ends with it; then both go on."""
    began, ended, builds = threading.Event(), [], itertools.count()

    def child(*_: object, **__: object) -> None:
        began.set()
        try:
            process.run(["sleep", "60"], timeout_s=60)
        except process.Stopped as stopped:
            ended.append(stopped)
            raise

    def told(progress: Progress) -> None:
        if progress.stage == "build" and next(builds) == 1:  # told before it is begun: the first one is at work now
            assert began.wait(30)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spawn, "build_variants", child)
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.run_sweep(sweep.run, sweep.store, told)
    assert ended
    assert time.monotonic() - begin < 30
    assert sweep.run.outcomes() == {}
    assert process.run(["true"], timeout_s=30).returncode == 0
    assert {outcome.status for outcome in sweep().outcomes().values()} == {"ok"}
    assert len(sweep.run.outcomes()) == 8
