"""What edgerig does, as functions over the values it works with: the command line is a client of these, and has no
other way. Each is `edgerig.<name>`; docs/api.md shows them together.

Paths may be strings. What a function needs is imported when it is called: to plan takes no framework and no numpy.
Nothing of the process is changed, but for Dask's logger, which a sweep silences: no signal handler, no environment
variable, no working folder. Every error edgerig raises on purpose is an `edgerig.EdgerigError` with a `message` and a
`hint`.
"""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgerig.errors import ConfigError, EdgerigError, NothingSelected, foreseen

if TYPE_CHECKING:
    from edgerig.build.store import Store
    from edgerig.compare.comparison import Comparison
    from edgerig.compare.gate import GateResult
    from edgerig.compare.snapshot import Snapshot
    from edgerig.decide.decision import Decision
    from edgerig.plan import Plan
    from edgerig.results import Results
    from edgerig.results.layers import LayerReport
    from edgerig.spec import SweepBudget, SweepSpec
    from edgerig.spec.budget import Budget
    from edgerig.study import Study
    from edgerig.sweep.progress import Progress
    from edgerig.sweep.run_folder import RunFolder
    from edgerig.tune.question import Question
    from edgerig.tune.tuned import Tuned
    from edgerig.tune.work import Observer as TuneObserver

Place = str | os.PathLike[str]
COMMAND = ("edgerig.sweep",)
"""What a run says it was made by, where nobody says otherwise."""


@dataclass(frozen=True)
class Run:
    """A run's folder with what it holds, and the files of the reports just written into it."""

    path: Path
    results: Results
    reports: tuple[Path, ...]


@dataclass(frozen=True)
class Profiled(Run):
    """A run with the profiles just taken of the cells `profiled`, by id."""

    profiled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Gated:
    """A run held to a baseline, a budget or both. `comparison` is None without a baseline; `started` is when the run
    began (ISO 8601, UTC)."""

    result: GateResult
    comparison: Comparison | None
    started: str

    @property
    def passed(self) -> bool:
        """False too where the data allows no answer and the budget does not let that through."""
        return self.result.outcome == "pass"


class Observer:
    """Is told how a sweep goes, in the thread that called it where nothing else is said. Here each method does nothing
    but `warned`; a subclass has those it needs."""

    def planned(self, run: Path, cells: int, done: int) -> None:
        """The run's folder is there; `done` of its `cells` have their outcome already."""

    def progressed(self, step: Progress) -> None:
        """A stage began or ended. That a device is waited for is told in a thread of the sweep's."""

    def interrupted(self, run: Path) -> None:
        """By KeyboardInterrupt, which is raised again when what was measured is reported."""

    def concluded(self, results: Results) -> None:
        """Every cell has its result; no report is written yet."""

    def warned(self, error: EdgerigError) -> None:
        """Something failed that costs the sweep nothing: the run could not be added to the history beside it."""
        warnings.warn(f"{error.message} ({error.hint})", RuntimeWarning, stacklevel=4)


def plan(sweep: SweepSpec | Place | None = None, keys: Mapping[str, Any] | None = None) -> Plan:
    """The cells a sweep would run, in the order they are reported. Reaches no device.

    `sweep` is a spec or a sweep's TOML, None the quickstart. `keys` are keys of a sweep's TOML that replace its own.
    Paths in a TOML are relative to its folder, all others to the working folder. Raises ConfigError for whatever is
    wrong, NothingSelected where `select` leaves no cell.
    """
    from edgerig.plan import make_plan
    from edgerig.spec import SweepSpec, load_sweep

    if not isinstance(sweep, SweepSpec):
        return make_plan(load_sweep(None if sweep is None else Path(sweep), dict(keys or {})))
    if keys:
        raise ConfigError("keys replace those of a sweep's TOML", hint="give them to the SweepSpec itself")
    return make_plan(sweep)


def sweep(
    what: Plan | Place, *, observer: Observer | None = None, wait: bool = True, command: Sequence[str] = COMMAND
) -> Run:
    """Builds every variant, runs every cell and writes the reports: minutes to hours, in child processes.

    `what` is a plan, for which `<out>/<run-id>/` is made, or a run's folder, to finish what was begun there. A cell
    that fails costs no other: its result says why (`CellResult.status`, `.error`). With `wait` False a device that
    another sweep is at work on raises DeviceBusy instead of being waited for. `command` is what the run says it was
    made by.

    Raises NotInstalled, before anything is written, when something is to be built or run here whose packages are not
    installed; ConfigError for a folder that cannot be written, ResultsError for one that is no run's and for a report
    that cannot be written, NotKept when the disk is full. What was measured is kept, then and after KeyboardInterrupt:
    the folder can be given again.
    """
    from edgerig.build.store import Store
    from edgerig.cache import cache_root
    from edgerig.report.run import write_all
    from edgerig.sweep.conclude import conclude
    from edgerig.sweep.engine import run_sweep

    store = Store(cache_root())
    listener, run = observer or Observer(), _folder(what, command, store)
    listener.planned(run.path, len(run.file.plan.cells), len(run.outcomes()))
    try:
        run_sweep(run, store, listener.progressed, wait=wait)
    except KeyboardInterrupt:
        listener.interrupted(run.path)
        write_all(conclude(run), run.path)
        raise
    results = conclude(run)
    listener.concluded(results)
    try:
        return Run(run.path, results, tuple(write_all(results, run.path)))
    finally:  # a report that cannot be written keeps the run out of no history
        _keep(results, run.path, listener)


def profile(
    run: Place,
    *,
    select: Sequence[str] = ("*",),
    device: str | None = None,
    again: bool = False,
    observer: Observer | None = None,
    wait: bool = True,
) -> Profiled:
    """Looks into the inferences of a run's cells that ran, operator by operator, and writes its reports anew.

    `select` are globs of cell ids, `device` is the only one whose cells are meant. What was looked into before is kept
    unless it is to be done `again`. Raises ResultsError for a folder that is no run's, NothingSelected where no cell
    that ran matches, DeviceBusy with `wait` False. A profile that cannot be had has its reason
    (`CellResult.profile.reason`).
    """
    from edgerig.build.store import Store
    from edgerig.cache import cache_root
    from edgerig.report.run import write_all
    from edgerig.sweep.conclude import conclude
    from edgerig.sweep.profiling import run_profiles
    from edgerig.sweep.run_folder import RunFolder

    folder, listener = RunFolder.open_to_write(Path(run)), observer or Observer()
    cells = [cell for cell in folder.file.plan.cells if any(fnmatch.fnmatchcase(cell.id, glob) for glob in select)]
    ids = run_profiles(
        folder,
        Store(cache_root()),
        [cell for cell in cells if device in (None, cell.device)],
        listener.progressed,
        again=again,
        wait=wait,
    )
    if not ids:
        on = f" on {device}" if device else ""
        raise NothingSelected(f"{run}: no cell that ran{on} matches {' '.join(select)}", hint="see results.csv for ids")
    results = conclude(folder)
    return Profiled(folder.path, results, tuple(write_all(results, folder.path)), frozenset(ids))


def debug(
    cell: str,
    *,
    run: Place | None = None,
    model: str | None = None,
    samples: int = 32,
    threshold_db: float = 20.0,
) -> LayerReport:
    """Looks into a quantized variant beside its float twin, layer by layer, on the first `samples` of the model's data.

    `cell` is a cell's or variant's id; with a `run`, one of its cells, or a glob. `model` is a file or name where the
    id's model is not known by name. What is not built yet is built. Raises ConfigError for an id that names nothing or
    has no float twin, NothingSelected, ResultsError, BuildError, NotInstalled.
    """
    from edgerig.build.store import Store
    from edgerig.cache import cache_root
    from edgerig.sweep import debugging

    target = debugging.of_id(cell, model) if run is None else debugging.of_run(Path(run), cell)
    return debugging.debug(target, Store(cache_root()), samples, threshold_db)


def tune(question: Question, *, observer: TuneObserver | None = None, wait: bool = True) -> Tuned:
    """Looks for the best variant of a model on a device under a budget, and measures it: minutes to hours.

    Everything is kept in `<out>/tune-<model>-<digest>`, each trial the moment it is known; the same question goes on
    there with what is not. Variants are chosen on a validation split (`Tuned.validation`), the test data is used once.
    Raises ConfigError, NotInstalled, BuildError where not even the float variant's source can be prepared, DeviceBusy
    with `wait` False, NotKept.
    """
    from edgerig.build.store import Store
    from edgerig.cache import cache_root
    from edgerig.tune import tuning
    from edgerig.tune.work import Observer as Silent

    return tuning.tune(question, Store(cache_root()), observer or Silent(), wait=wait)


def rebuild(run: Place, *, observer: Observer | None = None) -> Run:
    """Recomputes a run's results from its raw runs and writes its reports anew; runs nothing. Raises ResultsError."""
    from edgerig.report.run import write_all
    from edgerig.sweep.conclude import conclude
    from edgerig.sweep.run_folder import RunFolder

    folder = RunFolder.open(Path(run))
    results = conclude(folder)
    (observer or Observer()).concluded(results)
    return Run(folder.path, results, tuple(write_all(results, folder.path)))


def read(run: Place) -> Results:
    """The results in a run's folder or a results.json, of this and every earlier schema. Raises ResultsError."""
    from edgerig.report.run.read import read_results

    return read_results(Path(run))


def decide(results: Results, budget: SweepBudget | None = None) -> list[Decision]:
    """What to ship: a decision for every model on every device, in order. `budget` None is the run's own.

    Raises ResultsError where the run's own budget is none.
    """
    from edgerig.decide.budget import budget_of
    from edgerig.decide.decision import decisions

    return decisions(results, budget_of(results) if budget is None else budget)


def compare(base: Place, new: Place) -> Comparison:
    """What changed from `base` to `new`, and how sure that is: runs' folders, their results.json, or baseline files.

    Of folders the raw samples are compared, of the others what they say of them. Raises ResultsError, ConfigError.
    """
    from edgerig.compare.comparison import compare
    from edgerig.sweep.observed import observe

    return compare(observe(Path(base)), observe(Path(new)))


def gate(
    new: Place,
    *,
    baseline: Place | None = None,
    budget: Budget | Place | None = None,
    select: Sequence[str] = ("*",),
) -> Gated:
    """Holds a run to a baseline (a run, or a baseline file), to a budget (a value or its TOML), or to both.

    `select` are globs of cell ids: only these are held to it. Raises ConfigError where there is neither baseline nor
    budget, NothingSelected where no cell of `new` matches, ResultsError for what cannot be read. A run that fails
    raises nothing: see `Gated.passed` and `Gated.result.checks`.
    """
    from edgerig.compare.comparison import compare
    from edgerig.compare.gate import judge_run
    from edgerig.spec.budget import Budget, load_budget
    from edgerig.sweep.observed import observe

    if baseline is None and budget is None:
        raise ConfigError("there is nothing to hold the run to", hint="give a baseline, a budget, or both")
    rules = budget if isinstance(budget, Budget) else load_budget(None if budget is None else Path(budget))
    run = _chosen(observe(Path(new)), select)
    if not run.cells:
        raise NothingSelected(f"{new}: no cell matches select {' '.join(select)}", hint="see results.csv for ids")
    found = None if baseline is None else compare(_chosen(observe(Path(baseline)), select), run, rules.minimums)
    return Gated(judge_run(run, found, rules), found, run.started)


def study_plan(devices: Sequence[str] = (), *, quick: bool = False, out: Place = "reports") -> Plan:
    """What a study of TensorFlow and PyTorch measures: a fixed list of cells on `devices` (none: this machine), to be
    given to `sweep`. `quick` has the small network alone, timed shortly. Raises ConfigError for an unknown device."""
    from edgerig.plan import make_plan
    from edgerig.study.cells import wanted_sweep

    return make_plan(wanted_sweep(devices, quick=quick, out=Path(out)))


def study(runs: Sequence[Results]) -> Study:
    """A survey's claims held against the cells of these runs: a finding for each, with its evidence and a verdict.

    Raises ConfigError without any run.
    """
    from edgerig.study import study as concluded

    return concluded(runs)


def _folder(what: Plan | Place, command: Sequence[str], store: Store) -> RunFolder:
    """A new run's for a plan, else the one that is named. Raises NotInstalled where its cells need what is not here."""
    from edgerig.sweep.environment import environment
    from edgerig.sweep.needs import check_installed
    from edgerig.sweep.run_folder import RunFolder

    if isinstance(what, str | os.PathLike):
        folder = RunFolder.open_to_write(Path(what))
        done = folder.outcomes()
        check_installed(folder.file.plan, [cell for cell in folder.file.plan.cells if cell.id not in done], store)
        return folder
    check_installed(what, what.cells, store)
    return RunFolder.create(what, environment(), list(command))


def _chosen(run: Snapshot, select: Sequence[str]) -> Snapshot:
    kept = {name: cell for name, cell in run.cells.items() if any(fnmatch.fnmatchcase(name, glob) for glob in select)}
    return run.model_copy(update={"cells": kept})


def _keep(results: Results, folder: Path, listener: Observer) -> None:
    """The run into the history beside it. Its reports stand already: that this fails is a warning."""
    from edgerig.confined import Confined
    from edgerig.history import store

    try:
        store.add(results, store.beside(folder))
    except Exception as error:
        why = foreseen(error, Confined(folder) / "logs/history.traceback.txt")
        hint = f"{why.hint}; then: edgerig history add {folder}"
        listener.warned(EdgerigError(f"not added to the history: {why.message}", hint=hint))
