"""index.html: the results as one page that needs nothing but itself: no network, no folder beside it.

The first screen, what to ship and why, is written here and needs no script. What has a row or a point per cell is drawn
by the page's script from `payload`, a page of the table at a time, so that 24,000 cells open as fast as 24.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgerig.decide import budget, decision, frameworks
from edgerig.decide.decision import Decision
from edgerig.decide.pareto import dominated
from edgerig.decide.published import REFERENCE_HEADER, against_published, against_reference
from edgerig.explain import gains
from edgerig.figures import metric
from edgerig.report import assets
from edgerig.report.run import classes, groups, method, outputs, over_time, profiles, view, whys
from edgerig.report.run.payload import payload, runs
from edgerig.results import CellResult, Results, order

PACKAGE = "edgerig.report.run"
SCRIPTS = ("data.js", "table.js", "matrix.js", "plots.js", "overtime.js", "operators.js", "main.js")
CARDS = 12
"""So many decisions are shown as cards; more are rows of a table."""
NAMED = 4
"""Cells named with a group; all of them are a click away in the table."""
GROUPS = 60
"""Groups of one kind that are shown; a run with more has the rest in its table."""


@dataclass(frozen=True)
class PageGroup:
    """A group as the page shows it: `key` finds its cells in the page's data."""

    key: str
    title: str
    text: str
    cells: tuple[CellResult, ...]
    hint: str = ""
    status: str = ""


def render(results: Results) -> bytes:
    """A self-contained UTF-8 HTML page. Raises ResultsError when the run's budget is none."""
    cells = order.ordered(results)
    allowed = budget.budget_of(results)
    grouped = _grouped(cells)
    decided = decision.decisions(results, allowed)
    data = _data(results, cells, grouped, decided)
    script = assets.inlined("unpack.js") + assets.inlined(*SCRIPTS, package=PACKAGE)
    page = (
        assets.environment(PACKAGE)
        .get_template("index.html.j2")
        .render(
            results=results,
            view=view,
            cells=cells,
            budget=budget.said(allowed),
            decisions=decided,
            decided_on=_by_device(decided),
            frameworks=frameworks.frameworks(results, allowed),
            framework_name=frameworks.name,
            published=against_published(results),
            reference=against_reference(results),
            reference_header=REFERENCE_HEADER,
            devices=order.by_device(results),
            models=order.by_model(cells),
            outputs=outputs.rows(cells),
            whys=whys.ordered(results, decided),
            why_lines=whys.lines,
            gains=gains(results),
            drawn=data,
            classes=classes.tables(results, cells, decided),
            classes_left=classes.left_out(cells),
            outputs_header=outputs.HEADER,
            outputs_numeric=outputs.NUMERIC,
            metric=metric,
            grouped=grouped,
            method=method.notes(),
            command=shlex.join(results.run.command),
            css=assets.inlined("report.css"),
            plotly=assets.plotly(),
            data=assets.data(data),
            script=script,
            policy=assets.policy(script),
            limits={"cards": CARDS, "named": NAMED, "groups": GROUPS, "outputs": outputs.SHOWN, "whys": whys.SHOWN},
        )
    )
    return page.encode("utf-8", "backslashreplace")


def _by_device(decided: Sequence[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = {}
    for each in decided:
        found.setdefault(each.device, []).append(each)
    return found


def _data(
    results: Results, cells: Sequence[CellResult], grouped: dict[str, list[PageGroup]], decided: Sequence[Decision]
) -> dict[str, Any]:
    places = {cell.id: place for place, cell in enumerate(cells)}
    members = {
        group.key: runs(sorted(places[cell.id] for cell in group.cells)) for kind in grouped.values() for group in kind
    }
    shipped = [each.pick.id for each in decided if each.pick is not None]
    return {
        **payload(cells, _beaten(cells)),
        "groups": members,
        "profiles": profiles.payload(cells, shipped),
        "drift": over_time.payload(results),
        "sustained": over_time.sustained(cells),
    }


def _beaten(cells: Sequence[CellResult]) -> list[str]:
    """Ids of the cells that another variant of the same model on the same device dominates."""
    own: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        own.setdefault((cell.device, cell.model), []).append(cell)
    return [identity for group in own.values() for identity in dominated(group)]


def _grouped(cells: Sequence[CellResult]) -> dict[str, list[PageGroup]]:
    """Kind → its groups, the first `GROUPS` of each."""
    kinds = {"warning": groups.warnings, "note": groups.notes, "unmeasured": groups.unmeasured}
    grouped = {
        kind: [
            PageGroup(f"{kind}-{number}", group.title, group.text, group.cells)
            for number, group in enumerate(find(cells)[:GROUPS])
        ]
        for kind, find in kinds.items()
    }
    return {**grouped, "trouble": [_trouble(n, found) for n, found in enumerate(groups.troubles(cells)[:GROUPS])]}


def _trouble(number: int, found: groups.Trouble) -> PageGroup:
    if found.error is None:
        return PageGroup(f"trouble-{number}", "no reason was recorded", "", found.cells, status=found.status)
    title = f"{found.error.kind} while in {found.error.stage}"
    return PageGroup(f"trouble-{number}", title, found.error.message, found.cells, found.error.hint, found.status)
