"""`edgerig tune`: how it goes, and what it found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig import api
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.figures import metric, numbers
from edgerig.results import CellResult
from edgerig.spec import load_sweep
from edgerig.spec.toml import parse
from edgerig.sweep.progress import CELL, Progress
from edgerig.tune.question import Question
from edgerig.tune.space import Candidate
from edgerig.tune.trial import Trial
from edgerig.tune.tuned import Ended, Tuned
from edgerig.tune.work import Observer

NOTHING_TO_SHIP = 1
INTERRUPTED = 130


@dataclass(frozen=True)
class Asked:
    trials: int
    finalists: int
    as_json: bool


def tune(settings: Path | None, flags: Mapping[str, Any], asked: Asked) -> None:
    """`settings` is a sweep's TOML, `flags` what was given on top."""
    counts = {"trials": asked.trials, "finalists": asked.finalists}
    question = parse(Question, {"sweep": load_sweep(settings, flags), **counts}, "command line")
    try:
        found = api.tune(question, observer=Telling())
    except KeyboardInterrupt:
        say("interrupted; what was tried is kept. Go on with the same command", err=True)
        sys.exit(INTERRUPTED)
    if asked.as_json:
        tell_program(found.model_dump_json(indent=2))
    else:
        _print(found)
    if found.winner is None or (found.on_test is not None and not found.on_test.kept):
        sys.exit(NOTHING_TO_SHIP)


class Telling(Observer):
    """Prints it, a line each."""

    def began(self, folder: Path, validation: str, done: int) -> None:
        say(f"tuning in {folder}{f', {done} trials known from before' if done else ''}", err=True)
        say(f"chosen on {validation}", err=True)

    def tried(self, trial: Trial, number: int, front: Sequence[str]) -> None:
        mark = f"  front of {len(front)}" if trial.name in front else ""
        say(f"{number:>4} {trial.name}: {_trial(trial)}{mark}", err=True)

    def looked(self, why: str, found: Sequence[Candidate]) -> None:
        say(f"     looked into {why}, {numbers.counted(len(found), 'run')} of layers to try in float", err=True)

    def went_on(self, rung: str, names: Sequence[str]) -> None:
        say(f"on the {rung}: {', '.join(names)}", err=True)

    def progressed(self, step: Progress) -> None:
        if step.stage == CELL:
            say(f"     {step.status} {step.subject} {step.detail}".rstrip(), err=True)


def _print(found: Tuned) -> None:
    trials = {trial.name: trial for trial in found.trials}
    shown = table("variant", "size", "relative error", "agreement", "trial")
    for name in found.front:
        trial = trials[name]
        shown.add_row(
            quoted(name),
            numbers.kilobytes(trial.size_bytes),
            _number(trial.relative_error),
            numbers.MISSING if trial.agreement is None else numbers.percent(trial.agreement),
            f"{trial.seconds:.1f} s",
        )
    say(f"the front of {numbers.counted(len(found.trials), 'trial')}, against the float source:")
    print_table(shown)
    say(found.dominance)
    built = sum(trial.seconds for trial in found.trials)
    say(
        f"{numbers.counted(len(found.trials), 'trial')} built in {built:.0f} s, {found.seconds:.0f} s with the rungs "
        f"behind; a full grid has {found.grid:,} variants: {_hours(found.grid * built / max(1, len(found.trials)))} to "
        "build at that pace"
    )
    if found.winner is None:
        say(f"no winner: {found.why_none}")
        return
    say(f"winner: {found.winner.name}")
    for what, ended in (("validation data", found.on_device), ("test data", found.on_test)):
        if ended is not None:
            _print_ended(what, ended)
    say(f"{found.file}")
    say(f"build and measure it again: {found.command}")


def _print_ended(what: str, ended: Ended) -> None:
    say(f"  {what}: {_measured(ended.cell)}")
    if ended.floating is not None:
        say(f"    fp32: {_measured(ended.floating)}")
        say(f"    {_against(ended.cell, ended.floating)}")
    say(f"    {ended.why}")
    for caution in ended.cautions:
        say(f"    caution: {caution}")


def _measured(cell: CellResult) -> str:
    cost = numbers.duration(cell.latency.p50_ms if cell.latency else None)
    if cell.emulated:
        count = cell.cost.instructions
        cost = numbers.MISSING if count is None else f"{numbers.significant(count)} instructions"
    quality = metric.with_name(cell.accuracy) if cell.accuracy.value is not None else _agreement(cell)
    return f"{quality}, {numbers.kilobytes(cell.size_bytes)}, {cost} on {cell.device}"


def _agreement(cell: CellResult) -> str:
    share = cell.parity.agreement
    agrees = "" if share is None else f"{numbers.percent(share)} as the float network, "
    return f"{agrees}relative error {_number(cell.parity.relative_error)}"


def _against(cell: CellResult, floating: CellResult) -> str:
    parts = []
    lost = metric.lost_points(cell.accuracy, floating.accuracy)
    if lost is not None:
        parts.append(f"{abs(lost):.3g} points {'less' if lost >= 0 else 'more'}")
    if cell.size_bytes and floating.size_bytes:
        parts.append(f"{100 * cell.size_bytes / floating.size_bytes:.0f} % of its size")
    if not cell.emulated and cell.latency is not None and floating.latency is not None:
        ratio = cell.latency.p50_ms / floating.latency.p50_ms
        parts.append(f"{numbers.significant(ratio)}× its latency")
    return ", ".join(parts)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def _trial(trial: Trial) -> str:
    if trial.failure:
        return f"not built: {trial.failure}"
    return (
        f"{numbers.kilobytes(trial.size_bytes)}, relative error {_number(trial.relative_error)}, {trial.seconds:.1f} s"
    )


def _number(value: float | None) -> str:
    return numbers.MISSING if value is None else numbers.significant(value)
