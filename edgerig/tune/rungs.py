"""The dearer rungs: ordinary sweeps of what is left, so that figures and verdicts are what they are everywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from edgerig.errors import ResultsError, error_class
from edgerig.plan import Plan, make_plan
from edgerig.report.run import write_all
from edgerig.results import Results
from edgerig.spec import ModelSpec, RunSettings, SweepSpec
from edgerig.spec.conditions import Conditions
from edgerig.spec.order import OrderSettings
from edgerig.sweep.conclude import conclude
from edgerig.sweep.engine import run_sweep
from edgerig.sweep.environment import environment
from edgerig.sweep.needs import check_installed
from edgerig.sweep.run_folder import RunFolder
from edgerig.tune.journal import Entry, Rung
from edgerig.tune.space import FLOAT, Candidate
from edgerig.tune.work import Work

HERE = "local"
QUICK = RunSettings(
    warmup_runs=2, min_runs=10, min_seconds=0.1, max_seconds=20.0, repeats=1, attempts=1, profile="never"
)
"""On the host all of the validation data is run; what it takes there is no more than a hint."""


def on_host(work: Work, candidates: Sequence[Candidate]) -> Results:
    changed = {
        "devices": (HERE,),
        "threads": (1,),
        "accelerators": ("cpu",),
        "processors": ((),),
        "cpus": (),
        "engine": {},
        "run": QUICK,
        "order": OrderSettings(),
        "conditions": Conditions(),
    }
    return swept(work, "host", plan_of(work, candidates, work.question.sweep.model_copy(update=changed)))


def on_device(work: Work, candidates: Sequence[Candidate]) -> Results:
    return swept(work, "device", plan_of(work, candidates, work.question.sweep))


def plan_of(work: Work, candidates: Sequence[Candidate], sweep: SweepSpec) -> Plan:
    """The candidates and their formats' float variants, on the validation data."""
    own = {each.recipe: each.own for each in candidates if each.own is not None}
    formats = tuple(dict.fromkeys(each.format for each in candidates))
    names = [f"{each.format}-{each.recipe}" for each in candidates] + [f"{each}-{FLOAT}" for each in formats]
    model = work.validation.model
    changed = {
        "formats": formats,
        "recipes": (FLOAT, *dict.fromkeys(each.recipe for each in candidates)),
        "recipe": own,
        "select": tuple(f"{model.id}-{name}@*" for name in names),
        "seed": work.validation.seed,
    }
    return on_data(make_plan(sweep.model_copy(update=changed)), model)


def on_data(plan: Plan, model: ModelSpec) -> Plan:
    return plan.model_copy(update={"models": {model.id: model}})


def swept(work: Work, name: str, plan: Plan) -> Results:
    """The rung's results: of the folder that it has, gone on with, else of a new one. Raises EdgerigError, also where
    no candidate ran: it is not done then, and is begun anew the next time."""
    began = time.monotonic()
    above = work.folder / name
    plan = plan.model_copy(update={"sweep": plan.sweep.model_copy(update={"out": above})})
    run = begun(above, plan)
    if run is None:
        check_installed(plan, plan.cells, work.store)
        run = RunFolder.create(plan, environment(), ["edgerig.tune"])
    relative = str(run.path.relative_to(work.folder))
    if any(each.rung is not None and each.rung.run == relative for each in work.journal.entries):
        return conclude(run)
    run_sweep(run, work.store, work.observer.progressed, wait=work.wait)
    results = conclude(run)
    write_all(results, run.path)
    _check_any(results)
    rung = Rung(name=name, run=relative, cells=len(plan.cells), seconds=time.monotonic() - began)
    work.journal.write(Entry(rung=rung))
    return results


def begun(above: Path, plan: Plan) -> RunFolder | None:
    """The run of these very cells that was begun there before."""
    for file in sorted(above.glob("*/run.json")):
        try:
            run = RunFolder.open_to_write(file.parent)
        except ResultsError:
            continue
        same = [cell.id for cell in run.file.plan.cells] == [cell.id for cell in plan.cells]
        known = run.outcomes()
        vain = len(known) == len(plan.cells) and not any(
            _candidate_ran(each.cell, each.status) for each in known.values()
        )
        if same and not vain:
            return run
    return None


def _check_any(results: Results) -> None:
    if any(_candidate_ran(cell.id, cell.status) for cell in results.cells):
        return
    for cell in results.cells:
        if cell.error is not None:
            why = error_class(cell.error.kind)
            raise why(f"no candidate ran: {cell.id}: {cell.error.message}", hint=cell.error.hint)


def _candidate_ran(cell: str, status: str) -> bool:
    return status == "ok" and not cell.partition("@")[0].endswith(f"-{FLOAT}")
