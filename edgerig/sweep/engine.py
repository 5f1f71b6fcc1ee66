"""Scheduling: which stage runs when, on Dask `distributed`.

One worker of the cluster is the host, with a `build` resource for each build at once; every device is a worker of its
own with one `device:NAME` resource, so that a device runs one cell at a time and none waits for another. The default
cluster lives in this process and its tasks start child processes; in a farm the same tasks go to workers elsewhere.

Cells of this very machine come last and one at a time, whatever name it goes by: a figure taken beside a busy converter
is worth nothing. Another device's cell works this machine as well: its bundle is built here, its files are hashed and
sent, its outputs read and scored.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future, as_completed

from edgerig.build.request import Failure, Prepared
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.cache import temporary_folder
from edgerig.ondevice import processors
from edgerig.plan import Cell, Plan, variants
from edgerig.results import Profile
from edgerig.spec import Device, FormatName, kind_of, load_formats, machines_of
from edgerig.sweep import pipeline, profiling, room
from edgerig.sweep.building import Building
from edgerig.sweep.journal import Journal
from edgerig.sweep.outcome import Outcome, not_built, unsupported
from edgerig.sweep.pipeline import BuildTask, CellTask
from edgerig.sweep.profiling import ProfileTask, profile_step
from edgerig.sweep.progress import CELL, REFERENCE, Listener, Progress
from edgerig.sweep.run_folder import RunFolder
from edgerig.sweep.sessions import TOLD, DeviceSessions
from edgerig.sweep.timetable import Timetable
from edgerig.sweep.workers import Interrupted, close_here, cluster, in_scope, profile_here, run_here, stop


def run_sweep(run: RunFolder, store: Store, listen: Listener, *, wait: bool = True) -> None:
    """Brings every cell of the run's plan that is not journaled to its outcome. Interrupting it loses no outcome.

    A device that another sweep is at work on is waited for, or with `wait` False DeviceBusy raised. Raises NotKept when
    this machine's disk takes nothing more: both end the sweep, their cells as if they had not begun.
    """
    plan = run.file.plan
    with run.journal() as journal, temporary_folder(Path(tempfile.gettempdir()), "edgerig-scratch-") as scratch:
        done = run.outcomes()  # only now: what another sweep of this run has just ended counts too
        sessions = DeviceSessions(run.file.run.id, wait=wait)
        sweep = _Sweep(plan, run, store, journal, listen, sessions, scratch, Timetable(run, done))
        sweep.go([cell for cell in plan.cells if cell.id not in done])


def _here(device: Device) -> bool:
    """Are its cells timed on this machine's own processor?"""
    return kind_of(device).shares == "machine"


def _place(device: Device) -> str:
    """The worker that runs the device's cells, and its resource. (No device's name has a colon.)"""
    return "this:machine" if _here(device) else f"device:{device.name}"


@dataclass
class _Sweep:
    plan: Plan
    run: RunFolder
    store: Store
    journal: Journal
    listen: Listener
    sessions: DeviceSessions
    scratch: Path
    """A folder for what outlives no sweep."""
    timetable: Timetable
    client: Client = field(init=False)
    pending: Any = field(init=False)
    then: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    """What to do in this thread with each pending future's result, by its key."""
    submitted: int = 0
    builds: int = 1
    """Build processes at once."""
    preparing: set[str] = field(default_factory=set)
    building: list[Building] = field(default_factory=list)
    waiting: list[CellTask] = field(default_factory=list)
    """Built cells of this machine, held back until nothing else is in flight, and all whose order is by chance."""
    elsewhere: set[str] = field(default_factory=set)
    """Places that have run cells and may still hold a device open."""
    left: dict[str, set[str]] = field(default_factory=dict)
    """Of each device the cells without an outcome: when there are none, some are looked into."""
    ended_here: list[str] = field(default_factory=list)
    """Devices of this machine whose cells all have an outcome: which are looked into is chosen, and they are, when
    nothing else is in flight."""

    def go(self, cells: list[Cell]) -> None:
        for cell in cells:
            if cell.unsupported:
                self._record(unsupported(cell))
        wanted = [cell for cell in cells if not cell.unsupported]
        self.left = {name: {cell.id for cell in wanted if cell.device == name} for name in self.plan.devices}
        ended = [task for name, left in self.left.items() if not left for task in self._worth_a_look(name)]
        if not wanted and not ended:
            return
        wanted = self.timetable.built_for(wanted)
        self.builds = self.plan.sweep.build.jobs or processors.available()
        devices = [self.plan.devices[cell.device] for cell in (*wanted, *(task.cell for task in ended))]
        places = sorted(set(map(_place, devices)))
        with cluster(places, self.builds, self.sessions, self.scratch) as client:
            client.subscribe_topic(TOLD, self._told)
            self.client, self.pending = client, as_completed()
            try:
                self.ended_here = [*dict.fromkeys(task.cell.device for task in ended if _here(task.device))]
                for task in ended:
                    if not _here(task.device):
                        self._submit_profile(task)
                for model in dict.fromkeys(cell.model_id for cell in wanted):
                    self._submit_prepare(model, [cell for cell in wanted if cell.model_id == model])
                if not self.then:
                    self._submit_waiting()
                for future in self.pending:
                    self.then.pop(future.key)(future.result())
                    self._use_free_processors()
                    if not self.then:
                        self._submit_waiting()
            except BaseException as error:
                stop(client)
                if isinstance(error, Interrupted):
                    raise KeyboardInterrupt from error
                raise

    def _submit(self, then: Callable[[Any], None], resource: str, function: Callable[..., Any], *args: Any) -> None:
        """Runs `function` on the worker with `resource`, first come first served, then `then` with its result here."""
        self.submitted += 1
        future: Future = self.client.submit(
            function, *args, pure=False, retries=0, resources={resource: 1}, priority=-self.submitted
        )
        self.then[future.key] = then
        self.pending.add(future)

    def _submit_prepare(self, model: str, cells: list[Cell]) -> None:
        sweep = self.plan.sweep
        self.preparing.add(model)
        self.listen(Progress("prepare", model))
        self._submit(
            lambda result: self._prepared(model, cells, result),
            "build",
            in_scope,
            pipeline.prepare,
            self.plan.models[model],
            sweep.seed,
            sweep.build.preparation_s,
            self.store.root,
            self.run.path,
        )

    def _prepared(self, model: str, cells: list[Cell], result: Prepared | Failure) -> None:
        self.preparing.remove(model)
        before = self.run.prepared(model)
        if before is not None and isinstance(result, Prepared) and not before.same_data(result):
            result = Failure(
                kind="ConfigError",
                message=f"{model}, its data or edgerig changed since this run began: old and new cells do not mix",
                hint="start a new sweep",
            )
        if isinstance(result, Failure):
            for cell in cells:
                self._record(not_built(cell, result, "prepare"))
        else:
            self.run.keep_data(self.plan.models[model], result, self.store)
            self.listen(Progress("prepare", model, "ok", f"{result.samples} samples, {result.origin}"))
            self._submit_builds(model, cells, result)

    def _submit_builds(self, model: str, cells: list[Cell], prepared: Prepared) -> None:
        """A process per format. Those first whose recipes take long one by one: others may join them at the end."""
        rows = load_formats()
        for format_name in sorted(dict.fromkeys(cell.format for cell in cells), key=lambda name: not rows[name].apart):
            self._submit_build(model, format_name, [cell for cell in cells if cell.format == format_name], prepared)

    def _submit_build(self, model: str, format_name: FormatName, cells: list[Cell], prepared: Prepared) -> None:
        task = BuildTask(
            model=self.plan.models[model],
            format=format_name,
            store=self.store.root,
            run_folder=self.run.path,
            recipes=tuple(variant.recipe for variant in variants(tuple(cells))),
            own=self.plan.sweep.recipe,
            options=self.plan.sweep.options.get(format_name, {}),
            timeout_s=self.plan.sweep.build.timeout_s,
            queue=self.scratch / f"{model}-{format_name}",
            machines=machines_of(format_name, [self.plan.devices[cell.device] for cell in cells]),
        )
        self.listen(Progress("build", f"{model}-{format_name}", detail=", ".join(task.recipes)))
        building = Building(task, cells, prepared, set(task.recipes))
        self.building.append(building)
        self._submit_process(building, joins=False)

    def _submit_process(self, building: Building, *, joins: bool) -> None:
        building.processes += 1
        then = functools.partial(self._built, building)
        self._submit(then, "build", in_scope, pipeline.build, building.task, building.prepared, joins)

    def _use_free_processors(self) -> None:
        """Has further processes build variants that wait for the one at work on their format."""
        while len(self.preparing) + sum(building.processes for building in self.building) < self.builds:
            worth = next((building for building in self.building if building.worth_another()), None)
            if worth is None or not room.for_one_more():
                return
            self._submit_process(worth, joins=True)

    def _built(self, building: Building, result: list[BuildOutcome] | Failure) -> None:
        building.processes -= 1
        if isinstance(result, Failure):
            building.failure = result
        else:
            building.vain = building.vain or not result
            for built in result:
                building.left.discard(built.recipe)
                self._report_build(building.task, built)
                for cell in building.cells:
                    if cell.recipe == built.recipe:
                        self._deploy(cell, building.task, built, building.prepared)
        if not building.processes:
            self.building.remove(building)
            failure = building.failure or Failure(kind="BuildError", message="no process built it", hint="")
            for cell in building.cells:
                if cell.recipe in building.left:
                    self._record(not_built(cell, failure, "build"))

    def _report_build(self, task: BuildTask, built: BuildOutcome) -> None:
        if built.artifact is not None:
            status, detail = "cached" if built.record.cached else "ok", f"{built.artifact.size_bytes} bytes"
        else:
            status = "unsupported" if built.failure and built.failure.kind == "UnsupportedRecipe" else "failed"
            detail = built.failure.message.splitlines()[0] if built.failure else ""
        self.listen(Progress("build", f"{task.model.id}-{task.format}-{built.recipe}", status, detail))

    def _deploy(self, cell: Cell, task: BuildTask, built: BuildOutcome, prepared: Prepared) -> None:
        if built.artifact is None:
            failure = built.failure or Failure(kind="BuildError", message="the build gave no artifact", hint="")
            self._record(not_built(cell, failure, "build", built))
            return
        self.run.keep_artifact(cell, built.artifact, self.store)
        if built.reduced is not None:
            self.run.keep_artifact(cell, built.reduced, self.store, "-reduced")
        for machine, artifact in built.machines.items():
            if artifact != built.artifact:
                self.run.keep_artifact(cell, artifact, self.store, f"-{machine}")
        ready = CellTask(
            cell=cell,
            model=task.model,
            device=self.plan.devices[cell.device],
            built=built,
            prepared=prepared,
            settings=self.plan.sweep.run,
            conditions=self.plan.sweep.conditions.over(self.plan.devices[cell.device].conditions),
            store=self.store.root,
            run_folder=self.run.path,
        )
        if not self.timetable.takes(ready):
            return
        if _here(ready.device) or self.timetable.by_chance:
            self.waiting.append(ready)
        else:
            self.elsewhere.add(_place(ready.device))
            self._submit_run(ready)

    def _submit_waiting(self) -> None:
        if (self.waiting or self.ended_here) and self.elsewhere:  # an emulated machine that idles is still one
            for place in self.elsewhere:
                self._submit(lambda _: None, place, close_here)
            self.elsewhere.clear()
            return
        far = [task for task in self.waiting if not _here(task.device)]
        self.elsewhere |= {_place(task.device) for task in far}
        for task in self.timetable.in_order(far or self.waiting):
            self._submit_run(task)
        self.waiting = [task for task in self.waiting if _here(task.device)] if far else []
        if not self.then:
            ended, self.ended_here = self.ended_here, []
            for look in [look for device in ended for look in self._worth_a_look(device)]:
                self._submit_profile(look)

    def _submit_run(self, task: CellTask) -> None:
        self._submit(self._record, _place(task.device), run_here, task)

    def _worth_a_look(self, device: str) -> list[ProfileTask]:
        return profiling.chosen(self.run, device, self.store.root)

    def _look(self, device: str) -> None:
        """Into cells of a device that has run all. Of this machine's later, when nothing else is at work on it: even
        the choice is work, and the reference cell may be timed once more after the last one."""
        if _here(self.plan.devices[device]):
            self.ended_here.append(device)
            return
        for task in self._worth_a_look(device):
            self._submit_profile(task)

    def _submit_profile(self, task: ProfileTask) -> None:
        if not _here(task.device):
            self.elsewhere.add(_place(task.device))
        self._submit(functools.partial(self._profiled, task), _place(task.device), profile_here, task)

    def _profiled(self, task: ProfileTask, found: Profile) -> None:
        self.listen(profile_step(task, found))

    def _told(self, event: tuple[float, dict[str, str]]) -> None:
        """Dask's word (in a thread of its own) of what is waited for: another sweep's turn on a device, a download."""
        told = event[1]
        self.listen(Progress(told["stage"], told["subject"], "waiting", told["words"]))

    def _record(self, outcome: Outcome) -> None:
        if self.timetable.knows(outcome):
            return
        if outcome.status != "skipped":  # what was not even tried is not known: resuming runs it
            self.journal.write(outcome)
        detail = outcome.error.message.splitlines()[0] if outcome.error else ""
        self.listen(Progress(REFERENCE if outcome.visit else CELL, outcome.cell, outcome.status, detail))
        for device, left in self.left.items():
            if outcome.cell in left and not outcome.visit:
                left.remove(outcome.cell)
                if not left:
                    self._look(device)
