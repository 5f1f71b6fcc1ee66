"""`edgerig show`: what to ship, in a terminal and for scripts."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
from pathlib import Path
from typing import Any, Literal

from edgerig import api, figures
from edgerig.cli.say import print_table, quoted, say, table, tell_program
from edgerig.decide.budget import budget_of, said
from edgerig.decide.decision import Decision
from edgerig.errors import ConfigError
from edgerig.explain import Why
from edgerig.figures import numbers
from edgerig.figures.numbers import percent
from edgerig.printable import one_line
from edgerig.report.run import view, whys
from edgerig.report.run.csv_results import written
from edgerig.report.run.fields import row
from edgerig.results import CellResult, Results
from edgerig.spec import SweepBudget, parse

NOTHING_TO_SHIP = 1
"""Exit code when some model has no variant to recommend on some device."""
EXPLAINED = 12
"""Rows that surprise, of a terminal."""
Form = Literal["table", "json", "csv"]
COLOURS = {"recommended": "green", "provisional": "yellow", "none": "red"}
_BEFORE = ("device", "model", "emulated", "state", "cell", "source", "format", "recipe", "threads")
_AFTER = ("metrics", "why", "runner_up", "runner_up_versus", "cautions", "ruled_out")


def names() -> tuple[str, ...]:
    """Of what scripts are told of a decision: the choice, its figures, the reasons."""
    columns = (field.name for figure in figures.reported() for field in figure.fields if field.shown)
    return (*_BEFORE, *columns, *_AFTER)


def show(run: Path, form: Form, changed: dict[str, Any]) -> None:
    """Prints the decisions of the results in `run` under its budget, with `changed` limits on top."""
    results = api.read(run)
    budget = parse(SweepBudget, {**budget_of(results).model_dump(), **changed}, "command line")
    found = api.decide(results, budget)
    if form == "json":
        document = {
            "run": results.run.id,
            "budget": budget.model_dump(mode="json"),
            "decisions": [_record(decided) for decided in found],
            "explained": [_explained(each) for each in whys.ordered(results, found)],
        }
        tell_program(json.dumps(document, indent=2, ensure_ascii=False))
    elif form == "csv":
        tell_program(_csv(found), json=False)
    else:
        say(f"{results.run.id}: {view.outcome(results.cells)}")
        say(f"budget: {said(budget)}")
        _print(found)
        _explain(results, found)
    if any(decided.pick is None for decided in found) or not found:
        sys.exit(NOTHING_TO_SHIP)


def form_of(as_json: bool, as_csv: bool) -> Form:
    """Raises ConfigError when both are asked for."""
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other", hint="give one of them")
    return "json" if as_json else "csv" if as_csv else "table"


def _print(found: list[Decision]) -> None:
    """The choices in a table, then the reasons: sentences do not fit between columns."""
    shown = table("device", "model", "ship", "cost", "size", "accuracy", "runner-up")
    for decided in found:
        pick = decided.pick
        colour = COLOURS[decided.state]
        name = "nothing" if pick is None else decided.name(pick)
        shown.add_row(
            quoted(decided.device) + (" (emulated)" if decided.emulated else ""),
            quoted(decided.model),
            f"[bold {colour}]{quoted(name)}[/]" + (" (provisionally)" if decided.state == "provisional" else ""),
            numbers.MISSING if pick is None else _cost(pick),
            numbers.MISSING if pick is None else numbers.kilobytes(pick.size_bytes),
            numbers.MISSING if pick is None else _quality(pick),
            numbers.MISSING if decided.runner_up is None else quoted(decided.name(decided.runner_up)),
        )
    print_table(shown)
    for decided in found:
        say("")
        for line in _reasons(decided):
            say(line)


def _explain(results: Results, found: list[Decision]) -> None:
    """The rows that surprise, those of what is to ship first."""
    surprising = whys.ordered(results, found)
    for each in surprising[:EXPLAINED]:
        first, *rest = whys.lines(each)
        say("")
        say(f"why {each.kind}: {each.cell.model} on {each.cell.device}: {first}")
        for line in rest:
            say(f"  {line}")
    if len(surprising) > EXPLAINED:
        say(f"and {len(surprising) - EXPLAINED:,} more rows that surprise: see --json")


def _explained(why: Why) -> dict[str, Any]:
    return {
        "cell": why.cell.id,
        "kind": why.kind,
        "surprise": why.surprise,
        "reasons": [dataclasses.asdict(each) for each in why.reasons],
        "open": why.open,
    }


def _cost(cell: CellResult) -> str:
    if not cell.emulated:
        return f"p50 {numbers.duration(cell.latency.p50_ms if cell.latency else None)}"
    count = cell.cost.instructions
    return numbers.MISSING if count is None else f"{numbers.significant(count)} instructions"


def _quality(cell: CellResult) -> str:
    """All of its metrics; where there is none, how far it agrees with the float network."""
    if cell.accuracy.value is None and cell.parity.agreement is not None:
        return f"{percent(cell.parity.agreement)} as float"
    return quoted(view.accuracies(cell))


def _reasons(decided: Decision) -> list[str]:
    lines = [f"{decided.model} on {decided.device}: {decided.why}"]
    if decided.runner_up is not None:
        lines.append(f"  runner-up: {decided.name(decided.runner_up)}, {decided.tradeoff}")
    lines += [f"  caution: {caution}" for caution in decided.cautions]
    if decided.pick is not None and decided.ruled_out:
        lines.append(f"  ruled out: {decided.ruled_out}")
    return lines


def _record(decided: Decision) -> dict[str, Any]:
    """The decision under `names`; what is not known is None."""
    pick = decided.pick
    known = {
        "device": decided.device,
        "model": decided.model,
        "emulated": decided.emulated,
        "state": decided.state,
        "why": decided.why,
        "runner_up": None if decided.runner_up is None else decided.runner_up.id,
        "runner_up_versus": decided.tradeoff,
        "cautions": list(decided.cautions),
        "ruled_out": decided.ruled_out,
        **({} if pick is None else _figures(pick)),
    }
    return {field: known.get(field) for field in names()}


def _figures(cell: CellResult) -> dict[str, Any]:
    """As results.csv has them. An emulated latency is left out: it must not be compared with anything."""
    found = {("cell" if name == "id" else name): value for name, value in row(cell).items()}
    metrics = {
        name: one.model_dump(include={"value", "unit", "higher_is_better", "ci95", "reason"})
        for name, one in cell.metrics.items()
    }
    timed = {} if not cell.emulated else {"latency_p50_ms": None}
    return {**{name: value for name, value in found.items() if name in names()}, **timed, "metrics": metrics}


def _listed(value: Any) -> Any:
    """What CSV has no form for, as text."""
    if isinstance(value, list):
        return "; ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _csv(found: list[Decision]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names())
    for decided in found:
        writer.writerow([one_line(written(_listed(value))) for value in _record(decided).values()])
    return text.getvalue()
