"""What runs beside what."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from unit.sweep import stages
from unit.sweep.stages import PREPARED, Bench, Sweep, built, raw_run

from edgerig.build import queue, spawn
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.devices.conditioning.hold import NO_SHELL
from edgerig.devices.device import CellJob
from edgerig.errors import Unreachable
from edgerig.measure.profile import FILE, FOLDER, VALUES
from edgerig.ondevice import processors
from edgerig.plan import make_plan
from edgerig.results import Profile
from edgerig.spec import ModelSpec, SweepSpec
from edgerig.spec.conditions import Conditions
from edgerig.sweep import engine, pipeline, profiling, room
from edgerig.sweep.conclude import conclude
from edgerig.sweep.environment import environment
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.pipeline import CellTask
from edgerig.sweep.profiling import NO_PROFILES, ProfileTask
from edgerig.sweep.run_folder import RunFolder


class Line:
    """A cluster whose tasks end one at a time, in an order of chance; knows what is in flight whenever one begins."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pending: dict[int, tuple[Ended, str, Callable[[], object]]] = {}
        self.begun: list[tuple[str, list[str]]] = []

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
    result: Callable[[], object]

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
    monkeypatch.setattr(engine, "in_scope", lambda function, *args: function(*args))
    monkeypatch.setattr(engine, "run_here", lambda task: Outcome(cell=task.cell.id, status="ok"))
    monkeypatch.setattr(engine, "close_here", lambda: None)
    run = RunFolder.create(plan, environment(), [])
    engine.run_sweep(run, Store(tmp_path / "store"), lambda _: None)

    assert run.outcomes().keys() == {cell.id for cell in plan.cells}
    here = [beside for place, beside in line.begun if place == "this:machine"]
    assert len(here) == 2 * 8
    assert {place for beside in here for place in beside} == {"this:machine"}  # one place: one cell of them at a time


Planned = Callable[..., tuple[Line, RunFolder]]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """A sweep on this machine, and on one of its own, `pi`, none of whose stages does anything: on a line."""
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "pi.toml").write_text('kind = "ssh"\nhost = "pi"')
    monkeypatch.chdir(tmp_path)

    def make(seed: int, **wanted: Any) -> tuple[Line, RunFolder]:
        line = Line(seed)
        monkeypatch.setattr(engine, "cluster", line.cluster)
        monkeypatch.setattr(engine, "as_completed", lambda: line)
        monkeypatch.setattr(pipeline, "prepare", lambda *_: PREPARED)
        monkeypatch.setattr(pipeline, "build", lambda task, _, joins: [built(recipe) for recipe in task.recipes])
        monkeypatch.setattr(engine, "in_scope", lambda function, *args: function(*args))
        monkeypatch.setattr(engine, "run_here", ran)
        monkeypatch.setattr(engine, "close_here", lambda: None)
        monkeypatch.setattr(engine, "profile_here", lambda task: Profile(reason="made up"))
        monkeypatch.setattr(profiling, "has_profile", lambda run, cell: False)
        spec = SweepSpec.model_validate({"formats": ("onnx", "tflite"), "recipes": ("fp32", "int8-static"), **wanted})
        return line, RunFolder.create(make_plan(spec), environment(), [])

    return make


def ran(task: CellTask) -> Outcome:
    artifact = task.built.artifact
    return Outcome(cell=task.cell.id, status="ok", visit=task.visit, at=1.0, artifact=artifact)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_looked_into_on_this_machine_is_chosen_when_nothing_is_timed_on_it(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The last of all is the reference cell, timed once more after the device's last cell."""
    line, run = planned(seed, order={"by": "blocks", "seed": seed}, devices=("local", "pi"))
    in_flight: dict[str, list[int]] = {"local": [], "pi": []}

    def chosen(run: RunFolder, device: str, store: Path) -> list[ProfileTask]:
        if run.outcomes():
            in_flight[device].append(len(line.pending))
        return []

    monkeypatch.setattr(profiling, "chosen", chosen)
    engine.run_sweep(run, Store(tmp_path / "store"), lambda _: None)
    assert in_flight["local"] == [0]
    assert len(in_flight["pi"]) == 1
    assert run.outcomes().keys() == {cell.id for cell in run.file.plan.cells}


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_is_resumed_looks_into_cells_of_this_machine_beside_nothing(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Of `again` there are cells to build and to run, of `local` and `pi` all have run."""
    (tmp_path / "devices" / "again.toml").write_text('kind = "local"')
    line, run = planned(seed, run={"profile": "always"}, devices=("local", "again", "pi"))
    cells = run.file.plan.cells
    with run.journal() as journal:
        for cell in cells:
            if cell.device != "again":
                journal.write(Outcome(cell=cell.id, status="ok", artifact=built(cell.recipe).artifact))
    for model, spec in run.file.plan.models.items():
        run.keep_data(spec, PREPARED, Store(tmp_path / "store"))
        assert run.prepared(model) is not None
    is_open: list[str] = []

    def looked(task: ProfileTask) -> Profile:
        if task.device.name == "pi":
            is_open.append("pi")
        else:
            assert is_open == []
        return Profile(reason="made up")

    def timed(task: CellTask) -> Outcome:
        assert is_open == []
        return ran(task)

    monkeypatch.setattr(engine, "profile_here", looked)
    monkeypatch.setattr(engine, "run_here", timed)
    monkeypatch.setattr(engine, "close_here", is_open.clear)
    engine.run_sweep(run, Store(tmp_path / "store"), lambda _: None)
    here = [beside for place, beside in line.begun if place == "this:machine"]
    assert len(here) == sum(cell.device == "again" for cell in cells) + sum(cell.device != "pi" for cell in cells)
    assert {place for beside in here for place in beside} <= {"this:machine"}


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


class Shared:
    """Builds as processes do that take from one queue. The first waits until another has joined and taken one, which
    then waits until the first has ended."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by: dict[tuple[str, bool], list[str]] = {}
        self.filled, self.joined, self.ended = (threading.Event() for _ in range(3))

    def __call__(
        self, model: ModelSpec, form: str, recipes: Sequence[str], *given: Any, joins: bool
    ) -> list[BuildOutcome]:
        shared, name = given[6], f"{model.id}-{form}"
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
    monkeypatch.setattr(processors, "available", lambda: 2)
    monkeypatch.setattr(room, "for_one_more", lambda: True)
    return sweep


def test_a_second_process_takes_what_waits_and_each_cell_has_one_outcome(
    alone: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "build_variants", shared := Shared())
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

    monkeypatch.setattr(spawn, "build_variants", build)
    assert {outcome.status for outcome in alone().outcomes().values()} == {"ok"}
    assert sorted(joined) == [False, True]


@pytest.mark.parametrize("jobs", [1, 2])
def test_there_is_no_second_process_without_room(alone: Sweep, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    joined = []

    def build(model: ModelSpec, form: str, recipes: Sequence[str], *given: Any, joins: bool) -> list[BuildOutcome]:
        joined.append(joins)
        return [built(recipe) for recipe in recipes]

    monkeypatch.setattr(spawn, "build_variants", build)
    monkeypatch.setattr(processors, "available", lambda: jobs)
    monkeypatch.setattr(room, "for_one_more", lambda: jobs == 1)
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

    monkeypatch.setattr(spawn, "build_variants", shared := Failing())
    outcomes = alone().outcomes()
    name = "digits_cnn-torch-executorch"
    lost = {f"{name}-{recipe}@local/t1" for recipe in shared.by[name, joins]}
    assert {cell for cell, outcome in outcomes.items() if outcome.status == "failed"} == lost
    assert {outcomes[cell].error.stage for cell in lost} == {"build"}
    assert len(outcomes) == 4


def test_the_devices_cells_are_looked_into_once_and_when_all_have_run(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    class Looking(Bench):
        def execute(self, job: CellJob) -> None:
            order.append(f"run {job.cell}")
            raw_run(job.cell, job.into)

        def profile(self, job: CellJob) -> None:
            order.append(f"profile {job.cell}")
            (job.into / FILE).write_text(json.dumps({"schema": 1, "cell": job.cell, "reason": "made up"}))

    monkeypatch.setattr(stages, "Bench", Looking)
    settings = sweep.wanted.run.model_copy(update={"profile": "always"})
    sweep.wanted = sweep.wanted.model_copy(update={"run": settings})
    run = sweep("local")
    cells = [cell.id for cell in run.file.plan.cells]
    assert sorted(order) == sorted([f"{what} {cell}" for what in ("run", "profile") for cell in cells])
    assert max(order.index(f"run {cell}") for cell in cells) < min(order.index(f"profile {cell}") for cell in cells)
    assert {cell.profile.reason for cell in conclude(run).cells} == {"made up"}
    order.clear()
    (run.path / run.file.plan.cells[0].raw / FOLDER / FILE).unlink()
    sweep("local")
    assert order == [f"profile {cells[0]}"]


@pytest.mark.parametrize(
    ("left", "again"),
    [
        ({"runs": 1, "operators": [{"name": "Conv", "runner": "ort", "calls": 1}]}, True),  # its values never arrived
        ({"reason": "the device could not be reached", "passing": True}, True),
        ({"reason": "it is not built for that"}, False),
        (None, True),
    ],
)
def test_a_profile_that_was_cut_short_is_taken_again(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, left: dict[str, Any] | None, again: bool
) -> None:
    looked: list[str] = []

    class Looking(Bench):
        def profile(self, job: CellJob) -> None:
            looked.append(job.cell)
            if left is None and len(looked) == 1:
                raise Unreachable("the link is down")
            told = {"schema": 1, "cell": job.cell, **(left if left and len(looked) == 1 else {"reason": "made up"})}
            (job.into / FILE).write_text(json.dumps(told))

    monkeypatch.setattr(stages, "Bench", Looking)
    settings = sweep.wanted.run.model_copy(update={"profile": "always"})
    sweep.wanted = sweep.wanted.model_copy(update={"run": settings})
    run = sweep("local")
    cells = [cell.id for cell in run.file.plan.cells]
    assert sorted(looked) == sorted(cells)
    first = looked[0]
    looked += ["one more"]
    sweep("local")
    assert looked[len(cells) + 1 :] == ([first] if again else [])


def test_a_profile_is_taken_in_the_cells_conditions_and_says_what_was_not_held(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Looking(Bench):
        def profile(self, job: CellJob) -> None:
            operator = {"name": "Conv", "runner": "ort", "calls": 1}
            told = {"schema": 1, "cell": job.cell, "runs": 2, "operators": [operator], "notes": ["its own"]}
            (job.into / FILE).write_text(json.dumps(told))
            np.save(job.into / VALUES, np.full((2, 3), 1000, np.int64))

    monkeypatch.setattr(stages, "Bench", Looking)
    settings = sweep.wanted.run.model_copy(update={"profile": "always"})
    sweep.wanted = sweep.wanted.model_copy(update={"run": settings, "conditions": Conditions(governor="performance")})
    run = sweep("local")
    for cell in conclude(run).cells:
        assert cell.conditions is not None
        assert cell.conditions.reasons == {"knobs": NO_SHELL}
        assert cell.profile.notes == ("its own", f"the device was not as asked: knobs: {NO_SHELL}")


def test_a_device_that_cannot_look_into_inferences_says_so(sweep: Sweep) -> None:
    settings = sweep.wanted.run.model_copy(update={"profile": "always"})
    sweep.wanted = sweep.wanted.model_copy(update={"run": settings})
    run = sweep("local")
    assert {cell.profile.reason for cell in conclude(run).cells} == {NO_PROFILES}


def test_a_refusal_of_the_device_is_told_apart_from_a_recipe_that_cannot_be_built(sweep: Sweep) -> None:
    recipes, accelerators = ("fp32", "int16x8"), ("npu",)
    update = {"models": ("digits_cnn",), "formats": ("executorch",), "recipes": recipes, "accelerators": accelerators}
    sweep.wanted = sweep.wanted.model_copy(update=update)
    outcomes = sweep("local").outcomes()
    told = {cell.split("@")[0]: (each.status, each.error.stage, each.error.kind) for cell, each in outcomes.items()}
    assert told == {
        "digits_cnn-torch-executorch-fp32": ("unsupported", "deploy", "NotOnDevice"),
        "digits_cnn-torch-executorch-int16x8": ("unsupported", "build", "UnsupportedRecipe"),
    }
