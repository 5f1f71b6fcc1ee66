"""`sweep` and `report`: runs the flow and tells the user how it goes and where the reports are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from edgerig.build.store import Store
from edgerig.cache import cache_root
from edgerig.cli import history
from edgerig.cli.progress import shown
from edgerig.plan import make_plan
from edgerig.results import Results
from edgerig.spec import load_sweep
from edgerig.sweep.conclude import write_reports
from edgerig.sweep.engine import run_sweep
from edgerig.sweep.environment import environment
from edgerig.sweep.run_folder import RunFolder

INTERRUPTED = 130


def start(file: Path | None, flags: dict[str, Any]) -> None:
    plan = make_plan(load_sweep(file, flags))
    store = Store(cache_root())
    _go(RunFolder.create(plan, environment(), ["edgerig", *sys.argv[1:]]), store)


def resume(path: Path) -> None:
    _go(RunFolder.open(path), Store(cache_root()))


def rebuild(path: Path) -> None:
    results, written = write_reports(RunFolder.open(path))
    _finish(results, written)


def _go(run: RunFolder, store: Store) -> None:
    typer.echo(f"run {run.path}: {len(run.file.plan.cells)} cells planned", err=True)
    try:
        with shown(len(run.file.plan.cells), len(run.outcomes())) as listen:
            run_sweep(run, store, listen)
    except KeyboardInterrupt:
        write_reports(run)
        typer.echo(f"\ninterrupted; what was measured is kept. Go on with: edgerig sweep --resume {run.path}", err=True)
        sys.exit(INTERRUPTED)
    results, written = write_reports(run)
    history.keep(results, run.path)
    _finish(results, written)


def _finish(results: Results, written: list[Path]) -> None:
    counts = {
        status: sum(cell.status == status for cell in results.cells)
        for status in ("ok", "failed", "skipped", "unsupported")
    }
    typer.echo(", ".join(f"{count} {status}" for status, count in counts.items() if count), err=True)
    for cell in results.cells:
        if cell.status == "failed" and cell.error is not None:
            typer.echo(f"failed: {cell.id} ({cell.error.stage}, {cell.error.kind}): {cell.error.message}", err=True)
            if cell.error.hint:
                typer.echo(f"  hint: {cell.error.hint}", err=True)
    typer.echo(next(str(path) for path in written if path.name == "index.html"))
    if counts["failed"] or counts["skipped"]:
        sys.exit(1)
