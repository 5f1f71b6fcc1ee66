"""What runs beside what, and what a stage that goes wrong costs. Stages are the test's own; nothing is built."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from distributed import get_worker

from edgerig import process
from edgerig.build import queue
from edgerig.build.request import Failure, Prepared
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.devices.device import CellJob
from edgerig.devices.turns import Claim, NoLease
from edgerig.errors import DeviceError, NotKept
from edgerig.measure import raw
from edgerig.npy import load_untrusted
from edgerig.plan import make_plan
from edgerig.report.run import write_all
from edgerig.results import Artifact, BuildRecord, DeviceRecord, TensorRecord
from edgerig.spec import Device, ModelSpec, SweepSpec
from edgerig.sweep import conclude, engine, pipeline, sessions
from edgerig.sweep.engine import Progress
from edgerig.sweep.environment import environment
from edgerig.sweep.run_folder import Outcome, RunFolder

TENSOR = TensorRecord(name="x", shape=(1, 10), dtype="float32")
PREPARED = Prepared(
    data_key="d",
    reference_key=None,
    fingerprint="f",
    calibration_fingerprint="c",
    samples=3,
    labelled=False,
    origin="the test",
)


def built(recipe: str) -> BuildOutcome:
    artifact = Artifact(
        key="a", file="model.bin", sha256="", size_bytes=5, format="onnx", recipe=recipe, engine="onnxruntime",
        layout="any", inputs=(TENSOR,), outputs=(TENSOR,), constants={}, check=None,
    )  # fmt: skip
    record = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None)
    return BuildOutcome(recipe=recipe, artifact=artifact, record=record, failure=None)


class Line:
    """A cluster whose tasks end one at a time, in an order of chance; knows what is in flight whenever one begins."""

    def __init__(self, seed: int) -> None:
        self.chance, self.pending, self.begun = random.Random(seed), {}, []

    @contextlib.contextmanager
    def cluster(self, places: Sequence[str], builds: int, sessions: object, scratch: Path) -> Iterator[Self]:
        self.places = {*places, "build"}
        yield self

    def subscribe_topic(self, topic: str, handler: object) -> None:
        pass

    def submit(
        self, function: Callable[..., object], *args: object, resources: Mapping[str, int], **_: object
    ) -> Ended:
        (place,) = resources
        assert place in self.places
        beside = sorted(other for _, other, _ in self.pending.values())
        self.begun.append((place, beside))
        future = Ended(len(self.begun))
        self.pending[future.key] = (future, place, lambda: function(*args))
        return future

    def add(self, future: Ended) -> None:
        pass

    def __iter__(self) -> Iterator[Ended]:
        while self.pending:
            future, _, work = self.pending.pop(self.chance.choice(sorted(self.pending)))
            future.result = work
            yield future


class Ended:
    def __init__(self, key: int) -> None:
        self.key = key


@pytest.mark.parametrize("seed", range(20))
def test_cells_of_this_machine_run_when_nothing_else_does_and_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "pi.toml").write_text('kind = "ssh"\nhost = "pi"')
    (tmp_path / "devices" / "again.toml").write_text('kind = "local"')
    (tmp_path / "devices" / "host.toml").write_text('kind = "adb"')
    monkeypatch.chdir(tmp_path)
    devices = ("local", "again", "pi", "host", "qemu-rpi4")
    plan = make_plan(SweepSpec(devices=devices, formats=("onnx", "tflite"), recipes=("fp32", "int8-static")))
    line = Line(seed)
    monkeypatch.setattr(engine, "cluster", line.cluster)
    monkeypatch.setattr(engine, "as_completed", lambda: line)
    monkeypatch.setattr(pipeline, "prepare", lambda *_: PREPARED)
    monkeypatch.setattr(pipeline, "build", lambda task, _, joins: [built(recipe) for recipe in task.recipes])
    monkeypatch.setattr(engine, "_in_scope", lambda function, *args: function(*args))
    monkeypatch.setattr(engine, "_run_here", lambda task: Outcome(cell=task.cell.id, status="ok"))
    monkeypatch.setattr(engine, "_close_here", lambda: None)
    run = RunFolder.create(plan, environment(), [])
    engine.run_sweep(run, Store(tmp_path / "store"), lambda _: None)

    assert run.outcomes().keys() == {cell.id for cell in plan.cells}
    here = [beside for place, beside in line.begun if place == "this:machine"]
    assert len(here) == 2 * 8
    assert {place for beside in here for place in beside} == {"this:machine"}  # one place: one cell of them at a time


class Bench:
    """An open device that needs no transport: it leaves a sound raw run for every cell."""

    def __init__(self) -> None:
        self.lease, self.left = NoLease(), []

    def probe(self) -> DeviceRecord:
        return DeviceRecord(kind="bench", emulated=False)

    def execute(self, job: CellJob) -> None:
        raw_run(job.cell, job.into)


@dataclass
class Sweep:
    """Run by a call, on this machine or on the devices that are given; `open` are those open at the moment."""

    wanted: SweepSpec
    run: RunFolder
    store: Store
    open: set[str]

    def __call__(self, *devices: str) -> RunFolder:
        if devices:
            plan = make_plan(self.wanted.model_copy(update={"devices": devices}))
            self.run.file = self.run.file.model_copy(update={"plan": plan})
        engine.run_sweep(self.run, self.store, lambda _: None)
        return self.run


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep of two models on the real cluster, whose cells leave a sound raw run but for the faults of the test."""
    is_open: set[str] = set()
    store = Store(tmp_path / "store")
    for kind, key in (("data", "d"), ("artifact", "a")):
        with store.staging(kind) as staged:
            np.save(staged / "input_0.npy", np.zeros((3, 4), np.float32))
            (staged / "model.bin").write_bytes(b"model")
            store.commit(kind, key, staged, {})

    @contextlib.contextmanager
    def opened(spec: Device, claim: Claim | None) -> Iterator[Bench]:
        is_open.add(spec.name)
        yield Bench()
        is_open.remove(spec.name)
        raise ValueError("closing fails too")

    monkeypatch.setattr(sessions, "open_device", opened)
    monkeypatch.setattr(pipeline.spawn, "prepare", lambda *_: PREPARED)
    monkeypatch.setattr(
        pipeline.spawn, "build_variants", lambda *given, joins: [] if joins else [built(recipe) for recipe in given[2]]
    )
    wanted = SweepSpec(formats=("onnx", "tflite"), recipes=("fp32", "int8-static"), out=tmp_path / "reports")
    run = RunFolder.create(make_plan(wanted), environment(), [])

    return Sweep(wanted, run, store, is_open)


def test_other_devices_are_closed_before_this_machine_is_measured(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emulated machine that idles still takes its share."""
    seen = {}

    def execute(bench: Bench, job: CellJob) -> None:
        seen[job.cell] = set(sweep.open)
        raw_run(job.cell, job.into)

    monkeypatch.setattr(Bench, "execute", execute)
    outcomes = sweep("local", "qemu-rpi4", "qemu-vm").outcomes().values()
    assert [outcome.status for outcome in outcomes] == ["ok"] * 24
    assert {frozenset(names) for cell, names in seen.items() if "@local" in cell} == {frozenset({"local"})}
    assert all("qemu-vm" in names for cell, names in seen.items() if "@qemu-vm" in cell)
    assert sweep.open == set()


def raw_run(cell: str, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    tensor = TENSOR.model_dump(mode="json")
    engine_ = {"inputs": [tensor], "outputs": [tensor], "runtime": "R", "version": "1", "threads": 1}
    durations = {"runtime_import_ns": 1, "load_ns": 2, "first_inference_ns": 3, "timer_overhead_ns": 40}
    raw = {"schema": 1, "cell": cell, "warmup_runs": 1, "samples": 50, "memory": {}, "engine": engine_, **durations}
    (into / "raw.json").write_text(json.dumps(raw))
    np.save(into / "samples.npy", np.full(50, 1000, np.int64))
    np.save(into / "output_0.npy", np.ones((3, 10), np.float32))


def raising(error: Exception, function: Callable[..., object], when: Callable[..., bool]) -> Callable[..., object]:
    """`function`, or `error` for the arguments `when` says."""

    def call(*args: object, **named: object) -> object:
        if when(*args):
            raise error
        return function(*args, **named)

    return call


FAULTS = {
    "prepare": (pipeline.spawn, "prepare", lambda model, *_: model.name == "digits_vit", "digits_vit", "prepare"),
    "build": (pipeline.spawn, "build_variants", lambda model, form, *_: form == "onnx", "onnx", "build"),
    "run": (Bench, "execute", lambda bench, job: "int8" in job.cell, "int8", "run"),
    "measure": (conclude, "measured", lambda ran: "int8" in ran.cell.id, "int8", "measure"),
}
"""Stage: where the fault is put, the calls it meets, a word in the ids of the cells it costs, the stage they say."""


@pytest.mark.parametrize("fault", FAULTS)
def test_what_nobody_foresaw_costs_its_cells_alone(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    module, name, when, word, stage = FAULTS[fault]
    error = ZeroDivisionError("by \x1b[31mzero\udcff")
    monkeypatch.setattr(module, name, raising(error, getattr(module, name), when))
    run = sweep()
    results = conclude.conclude(run)

    assert len(run.outcomes()) == len(results.cells) == 8
    for cell in results.cells:
        assert cell.status == ("failed" if word in cell.id else "ok"), cell
        if word in cell.id:
            assert (cell.error.stage, cell.error.kind) == (stage, "InternalError")
            assert cell.error.message == "ZeroDivisionError: by ·[31mzero·"
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
    run, read = sweep(), []
    monkeypatch.setattr(
        raw, "load_untrusted", lambda path, *given: read.append(str(path)) or load_untrusted(path, *given)
    )
    conclude.conclude(run)
    samples = [path for path in read if path.endswith("samples.npy")]
    assert len(samples) == len(set(samples)) == 8


def test_what_nobody_foresaw_of_a_devices_core_costs_no_cell(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    run = sweep()
    monkeypatch.setattr(conclude, "alone", raising(ZeroDivisionError("by zero"), conclude.alone, lambda *_: True))
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

    monkeypatch.setattr(pipeline.spawn, "build_variants", full)
    with pytest.raises(NotKept, match="No space left on device"):
        sweep()
    assert sweep.run.outcomes() == {}


class Shared:
    """Builds as processes do that take from one queue. The first waits until another has joined and taken one, which
    then waits until the first has ended."""

    def __init__(self) -> None:
        self.lock, self.by = threading.Lock(), {}
        self.filled, self.joined, self.ended = (threading.Event() for _ in range(3))

    def __call__(
        self, model: ModelSpec, form: str, recipes: Sequence[str], *given: Any, joins: bool
    ) -> list[BuildOutcome]:
        shared, name = given[-1], f"{model.id}-{form}"
        if not joins:
            queue.fill(shared, recipes)
            self.filled.set()
        assert self.filled.wait(30)
        outcomes = []
        for recipe in queue.take(shared, recipes, "second" if joins else "first"):
            with self.lock:
                self.by.setdefault((name, joins), []).append(recipe)
            self.joined.set() if joins else self.joined.wait(30)
            outcomes.append(built(recipe))
            if joins:
                assert self.ended.wait(30)
        if not joins:
            self.ended.set()
        return self.end(outcomes, joins)

    def end(self, outcomes: list[BuildOutcome], joins: bool) -> list[BuildOutcome]:
        return outcomes


@pytest.fixture
def alone(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """`sweep` of one model in one format, with two processors that nobody else uses."""
    wanted = SweepSpec(models=("digits_cnn",), formats=("executorch",), out=sweep.run.file.plan.sweep.out)
    sweep.run.file = sweep.run.file.model_copy(update={"plan": make_plan(wanted)})
    monkeypatch.setattr(engine.processors, "available", lambda: 2)
    monkeypatch.setattr(engine.room, "for_one_more", lambda: True)
    return sweep


def test_a_second_process_takes_what_waits_and_each_cell_has_one_outcome(
    alone: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.spawn, "build_variants", shared := Shared())
    outcomes = alone().outcomes()
    assert len((alone.run.path / "journal.jsonl").read_text().splitlines()) == len(outcomes) == 4
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}
    first, second = (shared.by["digits_cnn-torch-executorch", joins] for joins in (False, True))
    assert sorted(first + second) == ["fp16", "fp32", "int8-dynamic", "int8-static"]
    assert len(second) == 1


def test_one_that_finds_nothing_to_build_is_not_followed_by_another(
    alone: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is in the store, which the first process looks through for long."""
    joined, looked = [], threading.Event()

    def build(model: ModelSpec, form: str, recipes: Sequence[str], *given: Any, joins: bool) -> list[BuildOutcome]:
        joined.append(joins)
        if joins:
            looked.set()
            return []
        assert looked.wait(30)
        time.sleep(0.3)  # for others to come, if they did
        return [built(recipe) for recipe in recipes]

    monkeypatch.setattr(pipeline.spawn, "build_variants", build)
    assert {outcome.status for outcome in alone().outcomes().values()} == {"ok"}
    assert sorted(joined) == [False, True]


@pytest.mark.parametrize("jobs", [1, 2])
def test_there_is_no_second_process_without_room(alone: Sweep, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    joined = []

    def build(model: ModelSpec, form: str, recipes: Sequence[str], *given: Any, joins: bool) -> list[BuildOutcome]:
        joined.append(joins)
        return [built(recipe) for recipe in recipes]

    monkeypatch.setattr(pipeline.spawn, "build_variants", build)
    monkeypatch.setattr(engine.processors, "available", lambda: jobs)
    monkeypatch.setattr(engine.room, "for_one_more", lambda: jobs == 1)
    assert {outcome.status for outcome in alone().outcomes().values()} == {"ok"}
    assert joined == [False]


@pytest.mark.parametrize("joins", [False, True])
def test_a_process_that_nobody_foresaw_costs_what_no_other_built(
    alone: Sweep, monkeypatch: pytest.MonkeyPatch, joins: bool
) -> None:
    class Failing(Shared):
        def end(self, outcomes: list[BuildOutcome], joined: bool) -> list[BuildOutcome]:
            if joined == joins:
                raise ZeroDivisionError
            return outcomes

    monkeypatch.setattr(pipeline.spawn, "build_variants", shared := Failing())
    outcomes = alone().outcomes()
    name = "digits_cnn-torch-executorch"
    lost = {f"{name}-{recipe}@local/t1" for recipe in shared.by[name, joins]}
    assert {cell for cell, outcome in outcomes.items() if outcome.status == "failed"} == lost
    assert {outcomes[cell].error.stage for cell in lost} == {"build"}
    assert len(outcomes) == 4


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
        patch.setattr(pipeline.spawn, "build_variants", child)
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.run_sweep(sweep.run, sweep.store, told)
    assert ended
    assert time.monotonic() - begin < 30
    assert sweep.run.outcomes() == {}
    assert process.run(["true"], timeout_s=30).returncode == 0
    assert {outcome.status for outcome in sweep().outcomes().values()} == {"ok"}
    assert len(sweep.run.outcomes()) == 8
