"""`edgerig history`: add runs to a history, and ask it for trends."""

from __future__ import annotations

import json
from pathlib import Path

from edgerig import api
from edgerig.cli.say import print_markup, print_table, quoted, say, table, tell_program
from edgerig.errors import ConfigError
from edgerig.history import store, words
from edgerig.history.metrics import metrics
from edgerig.history.trends import Trends, as_json, ask
from edgerig.report.files import check_file, check_folder, replace_file


def add(runs: list[Path], to: str | None) -> None:
    """All runs are read before the first is written."""
    if to is not None and not store.is_url(to):
        check_folder("--to", Path(to))
    found = [(run, api.read(run)) for run in runs]
    for run, results in found:
        folder = run if run.is_dir() else run.parent
        say(store.add(results, to or store.beside(folder)))


def show(model: str, at: str, cells: list[str], metric: str, as_text: bool, page: Path | None) -> None:
    if metric not in metrics():
        raise ConfigError(f"--metric {metric!r} is not known", hint=f"one of {', '.join(metrics())}")
    check_file("--html", page)
    found = ask(store.read(at), model, metric, cells, at)
    for warning in found.warnings:
        say(f"warning: {warning}", err=True)
    if page is not None:
        from edgerig.history.page import render

        replace_file(page, render(found))
    if as_text:
        tell_program(json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False))
    elif page is not None:
        say(str(page))
    else:
        _print(found)


def _print(found: Trends) -> None:
    unit = f" ({words.unit(found.metric)})" if words.unit(found.metric) else ""
    shown = table("cell", "on", "trend", "runs", f"last{unit}", f"median{unit}", "changes")
    for trend in (trend for trend in found.trends if trend.values):
        shown.add_row(
            quoted(trend.cell),
            quoted(", ".join(trend.on)),
            words.sparkline(trend.values, found.metric),
            str(len(trend.values)),
            words.figure(trend.last, found.metric),
            words.figure(trend.median, found.metric),
            str(len(trend.changes) or ""),
        )
    print_table(shown)
    for trend in found.trends:
        for change in trend.changes:
            print_markup(f"[bold]{quoted(trend.cell)}[/bold]: {quoted(words.change(change, found.metric))}")
            if change.beside:
                print_markup(f"  beside it: {quoted('; '.join(change.beside))}")
    if corrected := words.corrected(found.trends):
        print_markup(f"[dim]{quoted(corrected)}[/dim]")
    for note in words.notes(found.trends):
        print_markup(f"[dim]{quoted(note)}[/dim]")
