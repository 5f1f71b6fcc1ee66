"""`edgerig history`: add runs to a history, and ask it for trends."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from edgerig.cli.listing import print_table, table
from edgerig.errors import ConfigError, foreseen
from edgerig.history import store, words
from edgerig.history.metrics import METRICS
from edgerig.history.trends import Trends, as_json, ask
from edgerig.report.read import read_results
from edgerig.results import Results


def add(runs: list[Path], to: str | None) -> None:
    """All runs are read before the first is written."""
    found = [(run, read_results(run)) for run in runs]
    for run, results in found:
        folder = run if run.is_dir() else run.parent
        typer.echo(store.add(results, to or store.beside(folder)))


def keep(results: Results, folder: Path) -> None:
    """A finished sweep's run into the history beside it. Its reports stand already: that this fails is a warning."""
    try:
        store.add(results, store.beside(folder))
    except Exception as error:
        told = foreseen(error, folder / "logs" / "history.traceback.txt")
        typer.echo(f"warning: not added to the history: {told.message}", err=True)
        typer.echo(f"hint: {told.hint}; then: edgerig history add {folder}", err=True)


def show(model: str, at: str, cells: list[str], metric: str, as_text: bool, page: Path | None) -> None:
    if metric not in METRICS:
        raise ConfigError(f"--metric {metric!r} is not known", hint=f"one of {', '.join(METRICS)}")
    found = ask(store.read(at), model, metric, cells, at)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if page is not None:
        from edgerig.history.page import render
        from edgerig.report import replace_file

        replace_file(page, render(found))
    if as_text:
        typer.echo(json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False))
    elif page is not None:
        typer.echo(str(page))
    else:
        _print(found)


def _print(found: Trends) -> None:
    unit = f" ({words.unit(found.metric)})" if words.unit(found.metric) else ""
    shown = table("cell", "on", "trend", "runs", f"last{unit}", f"median{unit}", "changes")
    for trend in (trend for trend in found.trends if trend.values):
        shown.add_row(
            escape(trend.cell),
            escape(", ".join(trend.on)),
            words.sparkline(trend.values, found.metric),
            str(len(trend.values)),
            words.figure(trend.last, found.metric),
            words.figure(trend.median, found.metric),
            str(len(trend.changes) or ""),
        )
    print_table(shown)
    console = Console(soft_wrap=True, highlight=False)
    for trend in found.trends:
        for change in trend.changes:
            console.print(f"[bold]{escape(trend.cell)}[/bold]: {escape(words.change(change, found.metric))}")
            if change.beside:
                console.print(f"  beside it: {escape('; '.join(change.beside))}")
    if corrected := words.corrected(found.trends):
        console.print(f"[dim]{escape(corrected)}[/dim]")
    for note in words.notes(found.trends):
        console.print(f"[dim]{escape(note)}[/dim]")
