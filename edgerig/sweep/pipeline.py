"""The stages of one cell. Each is a plain function of plain values, run by a Dask worker; a failure, foreseen or not,
is an outcome of the cells it concerns. What is this machine's fault alone (`NotKept`: its disk is full, the run's
folder is gone), or another sweep's (`DeviceBusy`), is raised and ends the sweep, as `Stopped` does: an outcome would
keep the cell from being resumed. SystemExit is an error as any other: who ends a process in a library, or in a package
that adds a kind of device, ends a stage."""

from __future__ import annotations

import functools
import shutil
import time
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgerig import process
from edgerig.build import spawn
from edgerig.build.beside import bring, needs_more
from edgerig.build.layout import in_layout
from edgerig.build.own_metric import take_own_metrics
from edgerig.build.postprocess import postprocess
from edgerig.build.request import Failure, Prepared
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.devices.conditioning.hold import TooHot, held
from edgerig.devices.device import CellJob, OpenDevice
from edgerig.errors import (
    BuildError,
    DeviceBusy,
    DeviceError,
    EdgerigError,
    InternalError,
    NotKept,
    RunError,
    RunnerCrashed,
    RunTimeout,
    disk_refusal,
    foreseen,
    says_full,
)
from edgerig.measure.cell_run import names_of
from edgerig.measure.raw import attempts_of
from edgerig.measure.sequences import sequences_of
from edgerig.npy import HOST, load_arrays, read_lengths, stems
from edgerig.plan import Cell
from edgerig.results import Artifact, DeviceRecord, ErrorRecord
from edgerig.spec import (
    DeviceSpec,
    FormatName,
    ModelSpec,
    OwnRecipe,
    RunSettings,
    Strict,
    engine_on,
    kind_of,
    load_formats,
)
from edgerig.spec.conditions import Conditions
from edgerig.spec.stream import resets
from edgerig.sweep.disk import check_there, fresh_folder, not_kept
from edgerig.sweep.outcome import Outcome, failed, with_log
from edgerig.sweep.sessions import DeviceSessions, tell

TRACEBACK = "traceback.txt"
"""Of an exception nobody foresaw, beside what else is kept of its stage."""


class BuildTask(Strict):
    """The variants of one model and format."""

    model: ModelSpec
    format: FormatName
    recipes: tuple[str, ...]
    own: dict[str, OwnRecipe]
    """The sweep's recipes beside edgerig's."""
    options: dict[str, str]
    timeout_s: float
    store: Path
    run_folder: Path
    queue: Path
    """A folder of its own for what the processes share that build them (`build/queue.py`); `build` makes it."""
    machines: tuple[str, ...] = ()
    """Processors beside this host's that files of machine code are wanted for."""

    @property
    def logs(self) -> Path:
        return self.run_folder / "logs" / f"{self.model.id}-{self.format}"


class CellTask(Strict):
    """A built cell, ready to be deployed and run."""

    cell: Cell
    model: ModelSpec
    device: DeviceSpec
    built: BuildOutcome
    prepared: Prepared
    settings: RunSettings
    store: Path
    run_folder: Path
    conditions: Conditions = Conditions()
    visit: int = 0
    """Which time the device's reference cell is timed; 0: the cell is run for itself."""

    @property
    def raw(self) -> str:
        """Where the run's folder has its raw run."""
        return f"reference/{self.cell.device}/{self.visit}" if self.visit else self.cell.raw


def prepare(model: ModelSpec, seed: int, timeout_s: float, store: Path, run_folder: Path) -> Prepared | Failure:
    logs = run_folder / "logs" / model.id
    check_there(run_folder)
    try:
        return spawn.prepare(model, seed, timeout_s, Store(store), logs)
    except (Exception, SystemExit) as error:
        return Failure.of(_typed(error, BuildError, logs, run_folder))


def build(task: BuildTask, prepared: Prepared, joins: bool) -> list[BuildOutcome] | Failure:
    """Builds what others that build of the same queue leave of it; one that `joins` begins when another is at work."""
    check_there(task.run_folder)
    try:
        task.queue.mkdir(exist_ok=True)
        _bring(task, prepared)
        outcomes = spawn.build_variants(
            task.model,
            task.format,
            list(task.recipes),
            task.options,
            prepared,
            task.timeout_s,
            Store(task.store),
            task.logs,
            task.own,
            task.queue,
            task.machines,
            joins=joins,
        )
    except (Exception, SystemExit) as error:
        return Failure.of(_typed(error, BuildError, task.logs, task.run_folder))
    for built in outcomes:  # a build's process speaks through text; where it works is this machine's disk
        if built.failure is not None and says_full(built.failure.message):
            raise not_kept(task.run_folder, f"{built.recipe} could not be built: {built.failure.message}"[:1000])
    return outcomes


def _bring(task: BuildTask, prepared: Prepared) -> None:
    """What the builds that are left need beside this environment. Raises EdgerigError."""
    row = load_formats().get(task.format)
    if row is None or not needs_more(row):
        return
    if not spawn.all_built(task.model, task.format, task.recipes, task.options, prepared, Store(task.store), task.own):
        bring(row, functools.partial(tell, "build", f"{task.model.id}-{task.format}"))


def _typed(error: Exception | SystemExit, seam: type[EdgerigError], folder: Path, run: Path) -> EdgerigError:
    """`error` as one of the tree: the operating system's is a `seam`, one nobody foresaw is an InternalError whose
    traceback is kept in `folder`. Raises Stopped when the sweep is being interrupted, which may raise anything, and
    NotKept when this machine's disk refused something or the run's folder is gone."""
    process.check_not_stopping()
    check_there(run)
    if isinstance(error, NotKept):
        raise not_kept(run, error.message) from error
    if refused := disk_refusal(error):
        raise not_kept(run, f"this machine's disk takes nothing more: {refused}") from error
    if isinstance(error, OSError):
        return seam(str(error), hint="is there space for the run's folder and edgerig's cache?")
    return foreseen(error, folder / TRACEBACK)


def run(task: CellTask, sessions: DeviceSessions) -> Outcome:
    """Deploys and runs a cell on its device, which is kept open for the next one unless something went wrong."""
    raw = task.raw
    device: DeviceRecord | None = None
    built = task.built
    try:
        store = Store(task.store)
        data = store.find("data", task.prepared.data_key)
        if built.artifact is None or store.find("artifact", built.artifact.key) is None or data is None:
            return _lost_from_store(task)
        into = fresh_folder(task.run_folder, raw)
        wanted = None if task.device.emulated else task.conditions
        with sessions.turn(task.device) as opened, held(opened, wanted) as conditions:
            device = opened.probe()
            built = task.built.on(device)
            artifact = built.artifact
            folder = store.find("artifact", artifact.key) if artifact is not None else None
            if artifact is None or folder is None:
                return _lost_from_store(task)
            artifact = _for_engine(artifact, task)
            _keep_host_outputs(folder, into)
            opened.execute(_job(task, artifact, folder, data, into, device))
            after = _probe(opened)
        if after is None:  # the run is home, the link is not: another cell needs a new one
            sessions.drop(task.device)
        sequences = sequences_of(task.model.stream, read_lengths(data, "input"))
        postprocess(task.model, sequences, into, task.settings.timeout_s)
        names = names_of(task.prepared.outputs, artifact)
        take_own_metrics(task.model, names, task.run_folder / "data" / task.model.id, into, task.settings.timeout_s)
    except DeviceBusy:
        raise
    except TooHot as error:
        return _left(task, ErrorRecord(stage="run", kind=error.kind, message=error.message, hint=error.hint))
    except (Exception, SystemExit) as error:
        failure = _typed(error, RunError, task.run_folder / raw, task.run_folder)
        if kind_of(task.device).shares and says_full(failure.message):
            raise not_kept(task.run_folder, failure.message) from error
        if isinstance(failure, DeviceError | RunTimeout | RunnerCrashed | InternalError):
            sessions.drop(task.device)
        return failed(task.cell, failure, built, device, raw).model_copy(update=_when(task))
    return Outcome(
        **_when(task),
        cell=task.cell.id,
        status="ok",
        artifact=artifact,
        build=with_log(built, task.cell),
        device=device,
        after=after,
        conditions=conditions.record if wanted is not None and (wanted.any or conditions.record.reasons) else None,
        raw=raw,
        attempts=attempts_of(task.run_folder / raw),
    )


def _for_engine(artifact: Artifact, task: CellTask) -> Artifact:
    """The artifact as the engine runs it that the cell's device has for its format."""
    engine = engine_on(task.device, artifact.format)
    return artifact if engine is None else artifact.model_copy(update={"engine": engine.name})


def _job(task: CellTask, artifact: Artifact, folder: Path, data: Path, into: Path, device: DeviceRecord) -> CellJob:
    """The artifact in `folder` over the data in `data`, its raw run to be written into `into`."""
    lengths = read_lengths(data, "input")
    inputs = in_layout(_inputs(task, data, lengths), task.prepared.inputs, artifact.layout)
    settings = task.settings.on_emulator() if task.device.emulated else task.settings
    anew = resets(task.model.stream, len(inputs[0]), lengths)
    return CellJob(task.cell.id, artifact, folder / artifact.file, inputs, task.cell, settings, into, device, anew)


def _when(task: CellTask) -> dict[str, Any]:
    return {"visit": task.visit, "at": time.time()}


def _inputs(task: CellTask, data: Path, lengths: list[int] | None) -> list[npt.NDArray[Any]]:
    """The samples the cell runs on, one (N, …) array per input: the steps of as many sequences where `lengths` has
    theirs."""
    limit = task.settings.limit
    count = limit if lengths is None else sum(lengths[:limit])
    return [array[:count] for array in load_arrays(data, "input")]


def _lost_from_store(task: CellTask) -> Outcome:
    """Of a cell whose file or data went from the store after it was built: it is not journaled, so that resuming the
    run builds it again."""
    return _left(
        task,
        ErrorRecord(
            stage="build",
            kind="BuildError",
            message="the built file or its data is no longer in the store",
            hint=f"edgerig sweep --resume {task.run_folder}",
        ),
    )


def _left(task: CellTask, why: ErrorRecord) -> Outcome:
    """Of a cell that is left for whoever resumes the run."""
    return Outcome(**_when(task), cell=task.cell.id, status="skipped", error=why)


def _keep_host_outputs(artifact: Path, into: Path) -> None:
    """What the file gave where it was built, beside what the device will give."""
    for path in stems(artifact, HOST):
        shutil.copyfile(path, into / path.name)


def _probe(opened: OpenDevice) -> DeviceRecord | None:
    """The device after a run; None when it cannot be asked any more, which must not cost a run that is home."""
    try:
        return opened.probe()
    except DeviceError:
        return None
