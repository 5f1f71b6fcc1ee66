"""report.md: the results as GitHub-flavoured Markdown, for a pull request or a terminal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from edgerig.decide import budget, decision, frameworks
from edgerig.decide.decision import Decision
from edgerig.decide.frameworks import Framework
from edgerig.decide.published import REFERENCE_HEADER, against_published, against_reference
from edgerig.explain import Why
from edgerig.figures import numbers
from edgerig.figures.column import Column
from edgerig.printable import printable
from edgerig.report.markdown_text import table, text
from edgerig.report.run import classes, groups, method, outputs, over_time, view, whys
from edgerig.report.run.columns import columns
from edgerig.results import CellResult, Results, order, wording

_NAMED = 6
"""Cells named with a warning; the tables show them all."""


def render(results: Results) -> bytes:
    """UTF-8 Markdown, ended by a line feed. Raises ResultsError when the run's budget is none."""
    cells = order.ordered(results)
    allowed = budget.budget_of(results)
    shown = columns(cells)
    decided = decision.decisions(results, allowed)
    blocks = [
        f"# edgerig report: {text(results.run.id)}",
        *_what_ran(results),
        "## What to ship",
        f"Budget: {text(budget.said(allowed))}.",
        _bullets(map(_headline, decided)),
        *_frameworks(frameworks.frameworks(results, allowed)),
        *_drift(results),
        *(block for device in order.by_device(results).items() for block in _device(results, shown, *device)),
        *_why(results, decided),
        *_outputs(cells),
        *_classes(results, cells, decided),
        *_not_ok(cells),
        *_trust(cells),
        "## Models",
        _models(results),
        *_published(results),
        *_reference(results),
    ]
    return ("\n\n".join(blocks) + "\n").encode("utf-8", "backslashreplace")


def _code_block(value: str) -> str:
    """`value` literally, in a fence longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{printable(value)}\n{fence}"


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items) or "Nothing."


def _what_ran(results: Results) -> list[str]:
    environment = results.environment
    host = environment.host
    tools = [f"{name} {version}" for name, version in sorted(environment.tools.items())]
    versions = ", ".join([f"edgerig {environment.edgerig}", f"Python {environment.python}", *tools])
    return [
        _bullets(
            [
                f"Outcome: {view.outcome(results.cells)}",
                f"Started: {text(results.run.started)}",
                f"Host: {text(host.cpu)}, {numbers.counted(host.cores, 'core')}, {text(host.os)}",
                f"Tools: {text(versions)}",
            ]
        ),
        "Run with:",
        _code_block(shlex.join(results.run.command)),
    ]


def _headline(decided: Decision) -> str:
    place = f"**{text(decided.model)}** on **{text(decided.device)}**"
    if decided.pick is None:
        return f"{place}: nothing. {text(decided.why)}"
    how = "" if decided.state == "recommended" else " provisionally"
    said = f"{place}: ship{how} **{text(decided.name(decided.pick))}** – {text(wording.described(decided.pick))}. "
    said += text(decided.why)
    if decided.runner_up is not None:
        said += f" Runner-up: **{text(decided.name(decided.runner_up))}**, {text(decided.tradeoff)}."
    if decided.cautions:
        said += f" Caution: {text('; '.join(decided.cautions))}."
    if decided.ruled_out:
        said += f" Ruled out: {text(decided.ruled_out)}."
    return said


def _why(results: Results, decided: Sequence[Decision]) -> list[str]:
    """Only where a row surprises."""
    found = whys.ordered(results, decided)
    if not found:
        return []
    told = ["\n".join(map(_surprise, found[: whys.SHOWN]))]
    if len(found) > whys.SHOWN:
        told.append(f"and {len(found) - whys.SHOWN:,} more: see `edgerig show`")
    return ["## Why", *told]


def _surprise(why: Why) -> str:
    first, *rest = (f"{text(line)}." for line in whys.lines(why))
    return "\n".join(
        [f"- **{text(why.cell.model)}** on **{text(why.cell.device)}**: {first}", *(f"  - {line}" for line in rest)]
    )


def _frameworks(found: Sequence[Framework]) -> list[str]:
    """Only where a model has several sources."""
    if not found:
        return []
    sentences = (f"**{text(one.model)}** on **{text(one.device)}**: {text(one.finding)}" for one in found)
    return ["## TensorFlow or PyTorch?", _bullets(sentences)]


def _drift(results: Results) -> list[str]:
    """Only where a reference cell was timed with the others."""
    found = over_time.sentences(results.drift)
    return (
        ["## Devices through the sweep", _bullets(f"**{text(name)}**: {text(line)}." for name, line in found)]
        if found
        else []
    )


def _device(results: Results, shown: Sequence[Column], name: str, cells: Sequence[CellResult]) -> list[str]:
    facts = view.device_facts(results, name)
    rows = [[text(column.text(cell)) for column in shown] for cell in cells]
    return [
        f"## Device: {text(name)}",
        f"{text(facts)}. {view.outcome(cells)}.",
        table([text(column.header) for column in shown], rows, [column.numeric for column in shown]),
    ]


def _outputs(cells: Sequence[CellResult]) -> list[str]:
    """Only where a model has several outputs, or one has channels to be told of."""
    rows = outputs.rows(cells)
    if not rows:
        return []
    shown = [[text(each) for each in row.texts] for row in rows[: outputs.SHOWN]]
    left = len(rows) - len(shown)
    more = [f"and {left:,} more: see results.json"] if left else []
    return ["## Outputs against the source", table(outputs.HEADER, shown, outputs.NUMERIC), *more]


def _classes(results: Results, cells: Sequence[CellResult], decided: Sequence[Decision]) -> list[str]:
    """Of the variants that are to ship, or of the first: which classes are taken for which."""
    found = classes.tables(results, cells, decided)
    shown = [each for each in found if each.pick] or found[:1]
    if not shown:
        return []
    rows = [
        [text(each.cell), text(row.name), f"{row.support:,}", row.recall, row.interval, text(row.taken_for or "–")]
        for each in shown
        for row in each.rows
    ]
    header = ["cell", "class", "samples", "recall", "95 % interval", "taken for"]
    left = sum(each.hidden for each in shown)
    more = [f"{left:,} more classes: see results.json"] if left else []
    numeric = [False, False, True, True, True, False]
    return ["## What is taken for what", table(header, rows, numeric), *more]


def _not_ok(every: Sequence[CellResult]) -> list[str]:
    cells = groups.not_ok(every)
    if not cells:
        return ["## Failed, skipped and unsupported", "None: every planned cell ran."]
    rows = [
        [text(cell.id), cell.status, text(view.reason(cell)), text(cell.error.hint if cell.error else "")]
        for cell in cells
    ]
    return ["## Failed, skipped and unsupported", table(["cell", "status", "reason", "hint"], rows, [False] * 4)]


def _trust(cells: Sequence[CellResult]) -> list[str]:
    return [
        "## Warnings",
        _bullets(_group(group) for group in groups.warnings(cells)),
        "## Notes of engines",
        _bullets(_group(group) for group in groups.notes(cells)),
        "## Not measured",
        _bullets(_group(group) for group in groups.unmeasured(cells)),
        "## How the figures were measured",
        _bullets(f"**{name}**: {note}" for name, note in method.notes()),
    ]


def _group(group: groups.Group) -> str:
    cells = ", ".join(text(cell.id) for cell in group.cells[:_NAMED])
    if len(group.cells) > _NAMED:
        cells += f" and {len(group.cells) - _NAMED} more"
    return f"**{text(group.title)}**: {text(group.text)} ({numbers.counted(len(group.cells), 'cell')}: {cells})"


def _models(results: Results) -> str:
    rows = [
        [
            text(model.model),
            text(f"{model.description} ({model.weights} weights)" if model.weights else model.description),
            model.source,
            text(model.licence),
            text(model.dataset or model.no_accuracy_reason),
        ]
        for model in results.models.values()
    ]
    return table(["model", "description", "source", "licence", "dataset"], rows, [False] * 5)


def _published(results: Results) -> list[str]:
    rows = [
        [text(row.model), text(row.what), text(row.published), text(row.measured), text(row.source)]
        for row in against_published(results)
    ]
    if not rows:
        return []
    header = ["model", "published", "figure", "measured here", "source"]
    return ["## Measured against published", table(header, rows, [False] * 5)]


def _reference(results: Results) -> list[str]:
    rows = [[text(each) for each in row.texts] for row in against_reference(results)]
    if not rows:
        return []
    said = "On their devices and not on this run's: to be read beside its figures, never ranked with them."
    return ["## What others measured", said, table(list(REFERENCE_HEADER), rows, [False] * len(REFERENCE_HEADER))]
