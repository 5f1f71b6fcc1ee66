"""`edgerig profile`: what a cell's inferences are made of, operator by operator."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from pathlib import Path

from edgerig import api
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.errors import ConfigError, ResultsError
from edgerig.figures import numbers
from edgerig.plan import sweep_of
from edgerig.results import CellResult, OperatorProfile, Profile, Results
from edgerig.results.profile import OUTSIDE
from edgerig.sweep.progress import Progress
from edgerig.sweep.run_folder import RunFolder

NO_PROFILE = 1
"""Exit code when one of the cells has no profile."""
RATES, COUNTED_RATES = ("GMAC/s", "GB/s"), ("MACs each", "bytes each")
"""What an operator does a second, or with each instruction."""
REPORTS = "reports"
"""Where sweeps put their runs unless they are told otherwise."""


def profile(run: Path, select: list[str], device: str | None, *, again: bool, as_json: bool) -> None:
    """Looks into the cells of the run's folder and prints their profiles. In place of a run a cell's id may be given:
    then it is that one, of the newest run under ./reports that has it, else of a run of its own."""
    if not run.exists() and "@" in str(run):
        cell = str(run)
        _check_alone(cell, select, device)
        run, select = _run_of(cell), [cell]
    done = api.profile(run, select=select or ["*"], device=device, again=again, observer=_Told())
    found = [each for each in done.results.cells if each.id in done.profiled]
    if as_json:
        tell_program(_document(done.results, found))
    else:
        for place, each in enumerate(found):
            say("" if place else f"run {done.path}")
            _print(each)
            if each.profile.reason and not again:
                say(f"  to look again: edgerig profile {done.path} '{each.id}' --again")
    if any(each.profile.reason for each in found):
        sys.exit(NO_PROFILE)


def _check_alone(cell: str, select: list[str], device: str | None) -> None:
    """Raises ConfigError for what else was asked for with a cell's id, before anything is built or run for it."""
    own = cell.partition("@")[2].partition("/")[0]
    if device not in (None, own):
        raise ConfigError(f"{cell} is of {own}, not of --device {device}", hint=f"leave --device out, or name {own}")
    if select:
        raise ConfigError(
            f"{' '.join(select)}: beside a cell's id no other cells can be named",
            hint="profile one after another, or name the run's folder first",
        )


def _run_of(cell: str) -> Path:
    """Raises ConfigError for what is no cell's id."""
    for folder in sorted(Path(REPORTS).glob("*/run.json"), reverse=True):
        with contextlib.suppress(ResultsError):  # another version's, or damaged: not the one that is looked for
            outcome = RunFolder.open(folder.parent).outcomes().get(cell)
            if outcome is not None and outcome.status == "ok":
                return folder.parent
    planned = api.plan(sweep_of(cell))
    return api.sweep(planned, observer=_Told(), command=["edgerig", "profile", cell]).path


class _Told(api.Observer):
    def progressed(self, step: Progress) -> None:
        if step.status:
            say(f"{step.status:>11} {step.stage:<7} {step.subject}: {step.detail}", err=True)


def _document(results: Results, cells: list[CellResult]) -> str:
    found = {cell.id: cell.profile.model_dump(mode="json") for cell in cells}
    return json.dumps({"run": results.run.id, "profiles": found}, indent=2, ensure_ascii=False)


def _print(cell: CellResult) -> None:
    found = cell.profile
    if found.reason:
        say(f"{cell.id}: no profile: {found.reason}")
        return
    say(f"{cell.id}: {_summary(found)}")
    shown = table(
        "#",
        found.unit,
        "share",
        *(RATES if found.unit == "ns" else COUNTED_RATES),
        "kind",
        "operator",
        "runner",
        "partition",
        "layer",
    )
    left = {each.index for each in found.fallbacks}
    layers = _layers(found)
    for operator, layer in sorted(zip(found.operators, layers, strict=True), key=lambda each: -each[0].value):
        shown.add_row(*_row(operator, layer, found, fallback=operator.index in left))
    of = max(found.whole or 0.0, found.sum or 0.0)
    for name, value in found.uncovered or ((OUTSIDE, 0.0),):
        shown.add_row(
            "", _value(value, found), numbers.percent(value / of if of else 0.0), "", "", "", name, "", "", ""
        )
    print_table(shown)
    for note in (found.method, *found.notes):
        say(f"  {note}")


def _summary(found: Profile) -> str:
    parts = [f"whole {_quantity(found.whole, found)}", f"while profiled {_quantity(found.profiled_whole, found)}"]
    parts.append(f"operators {_quantity(found.sum, found)}")
    if found.partitions is not None:
        parts.append(numbers.counted(found.partitions, "partition"))
    if left := found.fallbacks:
        share = numbers.percent(sum(each.share for each in left))
        parts.append(f"{numbers.counted(len(left), 'fallback')} with {share}")
    parts.append(f"median of {numbers.counted(found.runs, 'run')}")
    return "; ".join(parts) + ("; the shares alone count" if found.shares_only else "")


def _row(operator: OperatorProfile, layer: str, found: Profile, *, fallback: bool) -> tuple[str, ...]:
    runner = f"[bold yellow]{operator.runner} (fallback)[/]" if fallback else operator.runner
    calls = "" if operator.calls == 1 else f" ×{operator.calls:g}"
    return (
        str(operator.index),
        _value(operator.value, found),
        numbers.percent(operator.share),
        *(_rate(each, found) for each in (operator.rate, operator.traffic)),
        operator.kind,
        quoted(operator.name) + calls,
        runner,
        "" if operator.partition is None else str(operator.partition),
        quoted(layer),
    )


def _layers(found: Profile) -> list[str]:
    """Each operator's layer, of several that were fused the first, without the modules that all paths begin with: what
    tells layers apart is left, be it in the middle."""
    paths = [each.layer.partition(";")[0].split("/") for each in found.operators]
    deep = [path[:-1] for path in paths if len(path) > 1]
    common = sum(1 for _ in itertools.takewhile(lambda at: len(set(at)) == 1, zip(*deep, strict=False)))
    short = ["/".join(path[common:]) if len(path) > 1 else path[0] for path in paths]
    whole = ["/".join(path) for path in paths]
    return short if len(set(short)) == len(set(whole)) else whole


def _rate(value: float | None, found: Profile) -> str:
    return "" if value is None or found.shares_only else numbers.significant(value)


def _value(value: float, found: Profile) -> str:
    return numbers.MISSING if found.shares_only else numbers.whole(value)


def _quantity(value: float | None, found: Profile) -> str:
    if value is None:
        return numbers.MISSING
    return numbers.duration(value / 1e6) if found.unit == "ns" else f"{numbers.whole(value)} instructions"
