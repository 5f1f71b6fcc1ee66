"""The whole of it: build candidates, run the better half on the host, the finalists on the device, the winner once on
the test data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from edgerig.build import keys
from edgerig.build.store import Store, digest
from edgerig.plan import Plan, make_plan
from edgerig.report.files import replace_file
from edgerig.results import CellResult, Results
from edgerig.results.wording import setup
from edgerig.spec import load_formats, load_recipes, load_sweep
from edgerig.sweep.needs import check_installed
from edgerig.tune import choosing, winner
from edgerig.tune.building import front_of, try_all
from edgerig.tune.journal import journal
from edgerig.tune.looking import look
from edgerig.tune.question import Question, model_of
from edgerig.tune.rungs import on_device, on_host, swept
from edgerig.tune.space import FLOAT, Candidate, besides, fixed, grid, moves
from edgerig.tune.split import calibration_samples, validation
from edgerig.tune.trial import Trial
from edgerig.tune.tuned import Ended, Tuned
from edgerig.tune.work import Observer, Work

ETA = 2
"""One in so many goes on to the next rung: half, as the method's name says."""
OF_WINDOWS = 3
"""One in so many trials is kept for runs of layers in float, which are known only when a variant was looked into."""


def tune(question: Question, store: Store, observer: Observer, *, wait: bool = True) -> Tuned:
    """Goes on with what was done before for the same question. Raises EdgerigError."""
    plan = question.plan()
    check_installed(plan, plan.cells, store)
    model = model_of(plan)
    folder = question.sweep.out / f"tune-{model.id}-{_digest(question, plan)[:12]}"
    found = validation(model, question.sweep, store, folder / "logs")
    with journal(folder) as kept:
        samples = calibration_samples(found, store)
        work = Work(question, plan, found, samples, store, folder, kept, observer, wait)
        done = sum(each.candidate.recipe != FLOAT for each in kept.trials.values())
        observer.began(folder, found.words, done)
        trials = [trial for each in dict.fromkeys(question.sweep.formats) for trial in _tried(work, each)]
        tuned = _chosen(work, trials)
    replace_file(folder / "tuned.json", tuned.model_dump_json(indent=1).encode())
    return tuned


def _digest(question: Question, plan: Plan) -> str:
    """Of the question and of everything its answer follows from: what a journal is worth is nothing when the model, its
    data, a converter or what stands in the device's file is another."""
    model = model_of(plan)
    rows, data = load_formats(), keys.data_key(model, question.sweep.seed)
    builds = [
        keys.artifact_key(model, rows[each], load_recipes()[FLOAT], {}, data, "") for each in question.sweep.formats
    ]
    devices = [each.model_dump(mode="json") for each in plan.devices.values()]
    asked = question.model_dump(mode="json", exclude={"sweep": {"out"}})
    return digest({"question": asked, "builds": builds, "devices": devices})


def _tried(work: Work, format_name: str) -> list[Trial]:
    """A format's trials: one's own recipes, the fixed ones, changes of these; then, since only then is it known where
    they lose, runs of layers in float."""
    source, share = work.validation.model.source, work.question.share()
    own = work.question.sweep.recipe
    first = fixed(source, format_name, own)
    others = moves(source, format_name, work.samples, own)
    early = max(len(first), share - share // OF_WINDOWS)
    candidates = list(itertools.islice(itertools.chain(first, others), min(early, share)))
    trials = try_all(work, [Candidate(format=format_name, recipe=FLOAT), *candidates])[1:]
    left = share - len(candidates)
    if left > 0:
        windows = list(besides(look(work, format_name, trials).candidates, own))[:left]
        trials += try_all(work, [*windows, *itertools.islice(others, left - len(windows))])
    return trials


def _chosen(work: Work, trials: Sequence[Trial]) -> Tuned:
    question, budget = work.question, work.question.sweep.budget
    by_name = {trial.name: trial.candidate for trial in trials}
    told = Tuned(
        question=question,
        folder=work.folder,
        validation=work.validation.words,
        trials=tuple(trials),
        front=tuple(front_of(trials)),
        dominance=choosing.dominance(trials),
        seconds=work.journal.seconds,
        grid=_grid(work),
    )
    names = choosing.to_host(trials, budget, max(question.finalists, math.ceil(len(trials) / ETA)))
    if not names:
        return told.model_copy(update={"why_none": "nothing could be built"})
    work.observer.went_on("host", names)
    results = on_host(work, [by_name[name] for name in names])
    names = choosing.to_device(results, budget, question.finalists)
    if not names:
        return _end(told, work, {"why_none": "nothing ran on the host"})
    work.observer.went_on("device", names)
    results = on_device(work, [by_name[name] for name in names])
    decision = choosing.decided(results, budget)
    pick = None if decision is None else decision.pick
    if decision is None or pick is None:
        return _end(told, work, {"why_none": "nothing ran on the device" if decision is None else decision.why})
    chosen = by_name[f"{pick.format}-{pick.recipe}"]
    path = winner.write(winner.sweep_of(question, chosen, pick), work.folder)
    on_validation = Ended(
        cell=pick, floating=_float(results, pick), why=decision.why, kept=True, cautions=decision.cautions
    )
    update = {
        "winner": chosen,
        "file": path,
        "command": winner.command(path),
        "on_device": on_validation,
        "on_test": _tested(work, path, chosen),
    }
    return _end(told, work, update)


def _tested(work: Work, path: Path, chosen: Candidate) -> Ended | None:
    """The winner on the test data, by the very file that is written of it."""
    work.observer.went_on("test", [chosen.name])
    results = swept(work, "test", make_plan(load_sweep(path, {})))
    cell = next((each for each in results.cells if each.recipe == chosen.recipe), None)
    decision = choosing.decided(results, work.question.sweep.budget)
    if cell is None or decision is None:
        return None
    return Ended(
        cell=cell,
        floating=_float(results, cell),
        why=decision.why,
        kept=decision.pick is not None,
        cautions=decision.cautions,
    )


def _float(results: Results, cell: CellResult) -> CellResult | None:
    """The float twin, placed alike."""
    alike = [each for each in results.cells if each.recipe == FLOAT and each.format == cell.format]
    return next((each for each in alike if (each.threads, setup(each)) == (cell.threads, setup(cell))), None)


def _end(told: Tuned, work: Work, update: dict[str, object]) -> Tuned:
    runs = {name: rung.run for name, rung in work.journal.rungs.items()}
    return told.model_copy(update=update | {"seconds": work.journal.seconds, "runs": runs})


def _grid(work: Work) -> int:
    source, looked = work.validation.model.source, work.journal.looked
    each = {name: looked[name].layers if name in looked else 0 for name in work.question.sweep.formats}
    sweep = work.question.sweep
    variants = sum(grid(source, name, work.samples, layers, sweep.recipe) for name, layers in each.items())
    return variants * len(sweep.threads)
