"""The pass after a device's cells: which of them are looked into, and how one is.

A profile is no part of a cell's outcome: the cell has its figures whatever becomes of it, and what went wrong is the
profile's reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgerig import process
from edgerig.build import spawn
from edgerig.build.layout import in_layout
from edgerig.build.request import Prepared
from edgerig.build.store import Store, file_digest
from edgerig.confined import Confined
from edgerig.devices.conditioning.hold import TooHot, held
from edgerig.devices.device import CellJob, Profiles
from edgerig.errors import DeviceBusy, DeviceError, NotKept, RunError, foreseen
from edgerig.explain.worth import worth_profiling
from edgerig.measure.operator_layers import GRAPH
from edgerig.measure.profile import FILE, FOLDER, SCHEMA, is_done, read_profile, with_note
from edgerig.npy import load_arrays
from edgerig.plan import Cell
from edgerig.results import Artifact, Profile
from edgerig.spec import (
    DeviceSpec,
    ModelSpec,
    RunSettings,
    Strict,
    load_formats,
)
from edgerig.spec.conditions import Conditions
from edgerig.sweep.conclude import conclude
from edgerig.sweep.disk import fresh_folder, not_kept
from edgerig.sweep.pipeline import TRACEBACK
from edgerig.sweep.progress import PROFILE, Listener, Progress
from edgerig.sweep.run_folder import RunFolder
from edgerig.sweep.sessions import DeviceSessions

NO_PROFILES = "this kind of device does not look into inferences"
LOST = "the built file is no longer in the store, nor in the run's folder"


class ProfileTask(Strict):
    """A cell that ran, to be looked into."""

    cell: Cell
    model: ModelSpec
    device: DeviceSpec
    artifact: Artifact
    prepared: Prepared
    settings: RunSettings
    preparation_s: float
    seed: int
    store: Path
    run_folder: Path
    conditions: Conditions = Conditions()


def chosen(run: RunFolder, device: str, store: Path) -> list[ProfileTask]:
    """The device's cells that the sweep wants looked into and that are not yet, in order: its own cells tell, for none
    is held against one of another device. Raises ResultsError."""
    mode = run.file.plan.sweep.run.profile
    if mode == "never":
        return []
    worth = None if mode == "always" else worth_profiling(conclude(run, device))
    cells = [cell for cell in run.file.plan.cells if cell.device == device and (worth is None or cell.id in worth)]
    return [task for task in tasks(run, cells, store) if not has_profile(run, task.cell)]


def has_profile(run: RunFolder, cell: Cell) -> bool:
    """Was it looked into, with a profile or a reason for none that will stay?"""
    return is_done(run.folder / cell.raw, cell.id)


def tasks(run: RunFolder, cells: Iterable[Cell], store: Path) -> list[ProfileTask]:
    """Of those of the cells that ran. Raises ResultsError."""
    plan, known = run.file.plan, run.outcomes()
    found: list[ProfileTask] = []
    for cell in cells:
        outcome, prepared = known.get(cell.id), run.prepared(cell.model_id)
        if outcome is None or outcome.status != "ok" or outcome.artifact is None or prepared is None:
            continue
        found.append(
            ProfileTask(
                cell=cell,
                model=plan.models[cell.model_id],
                device=plan.devices[cell.device],
                artifact=outcome.artifact,
                prepared=prepared,
                settings=plan.sweep.run,
                preparation_s=plan.sweep.build.preparation_s,
                seed=plan.sweep.seed,
                store=store,
                run_folder=run.path,
                conditions=plan.sweep.conditions.over(plan.devices[cell.device].conditions),
            )
        )
    return found


def run_profiles(
    run: RunFolder, store: Store, cells: list[Cell], listen: Listener, *, again: bool = False, wait: bool = True
) -> list[str]:
    """Looks into those of the cells that ran, on their devices, one after another; gives their ids. What was looked
    into is not once more unless `again`. Raises ResultsError, DeviceBusy, NotKept."""
    found = tasks(run, cells, store.root)
    sessions = DeviceSessions(run.file.run.id, wait=wait)
    with run.journal():  # nobody else writes to the run meanwhile
        try:
            for task in found:
                if again or not has_profile(run, task.cell):
                    listen(Progress(PROFILE, task.cell.id))
                    listen(profile_step(task, profile(task, sessions)))
        finally:
            sessions.close()
    return [task.cell.id for task in found]


def profile_step(task: ProfileTask, found: Profile) -> Progress:
    detail = found.reason or f"{len(found.operators)} operators"
    return Progress(PROFILE, task.cell.id, "none" if found.reason else "ok", detail)


def profile(task: ProfileTask, sessions: DeviceSessions) -> Profile:
    """Looks into the cell's inferences on its device and keeps what was found beside its raw run. Raises DeviceBusy,
    and NotKept when this machine's disk refuses something."""
    into = fresh_folder(task.run_folder, f"{task.cell.raw}/{FOLDER}")
    try:
        file, wanted = _file(task), None if task.device.emulated else task.conditions
        with sessions.turn(task.device) as opened, held(opened, wanted) as conditions:
            if not isinstance(opened, Profiles):
                raise RunError(NO_PROFILES)
            before = opened.probe()
            inputs = _first_sample(task)
            job = CellJob(task.cell.id, task.artifact, file, inputs, task.cell, task.settings, into, before)
            if (known := file.with_name(GRAPH)).is_file():
                shutil.copyfile(known, into / GRAPH)
            opened.profile(job)
        _note(into, task.cell.id, conditions.record.reasons)
    except (DeviceBusy, NotKept):
        raise
    except (Exception, SystemExit) as error:  # as `pipeline.run`
        process.check_not_stopping()
        if isinstance(error, OSError):
            raise not_kept(task.run_folder, f"the profile could not be kept: {error}") from error
        if isinstance(error, DeviceError) and not isinstance(error, TooHot):
            sessions.drop(task.device)
        reason, passing = foreseen(error, into / TRACEBACK).message[:2000], isinstance(error, DeviceError)
        told = {"schema": SCHEMA, "cell": task.cell.id, "reason": reason, "passing": passing}
        (into / FILE).write_text(json.dumps(told), encoding="utf-8")
    return read_profile(Confined(task.run_folder) / task.cell.raw, task.cell.id)


def _note(into: Path, cell: str, not_held: Mapping[str, str]) -> None:
    """Of the conditions the device could not be brought into: they are those of the profile as well."""
    if not_held and (into / FILE).is_file():
        told = "; ".join(f"{name}: {why}" for name, why in not_held.items())
        noted = with_note((into / FILE).read_bytes(), cell, f"the device was not as asked: {told}")
        Confined.at(into / FILE).replace(noted)


def _file(task: ProfileTask) -> Path:
    """The built file, of the store, else of the run's folder. Raises RunError when it is in neither."""
    folder = Store(task.store).find("artifact", task.artifact.key)
    if folder is not None:
        return folder / task.artifact.file
    kept = task.run_folder / "artifacts"
    stem = f"{task.cell.model_id}-{task.cell.format}-{task.cell.recipe}"
    suffix = Path(task.artifact.file).suffix
    row = load_formats().get(task.cell.format)
    for which in ("", "-reduced", *(f"-{machine}" for machine in (row.machines if row else ()))):
        place = kept / f"{stem}{which}"
        file = place / task.artifact.file if task.artifact.beside else place.with_name(f"{place.name}{suffix}")
        if file.is_file() and file_digest(file) == task.artifact.sha256:
            return file
    raise RunError(LOST, hint=f"edgerig sweep --resume {task.run_folder}")


def _first_sample(task: ProfileTask) -> list[npt.NDArray[Any]]:
    """The model's first evaluation sample, laid out as the file takes it; prepared anew where the store lost it. Raises
    EdgerigError."""
    store = Store(task.store)
    data, prepared = store.find("data", task.prepared.data_key), task.prepared
    if data is None:
        logs = task.run_folder / "logs" / task.model.id
        prepared = spawn.prepare(task.model, task.seed, task.preparation_s, store, logs)
        data = store.find("data", prepared.data_key)
    if data is None:
        raise RunError("the model's data is not in the store", hint=f"edgerig sweep --resume {task.run_folder}")
    inputs = [array[:1] for array in load_arrays(data, "input")]
    return in_layout(inputs, prepared.inputs, task.artifact.layout)
