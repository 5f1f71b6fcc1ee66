"""`sweep` and `report`: runs the flow and tells the user how it goes and where the reports are."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from edgerig.build.store import Store
from edgerig.cache import cache_root
from edgerig.cli import history
from edgerig.cli.progress import shown
from edgerig.cli.say import say
from edgerig.plan import make_plan
from edgerig.report.run import write_all
from edgerig.results import Results
from edgerig.spec import load_sweep
from edgerig.sweep.conclude import conclude
from edgerig.sweep.engine import run_sweep
from edgerig.sweep.environment import environment
from edgerig.sweep.run_folder import RunFolder

INTERRUPTED = 130


def start(file: Path | None, flags: dict[str, Any], *, wait: bool = True) -> None:
    plan = make_plan(load_sweep(file, flags))
    store = Store(cache_root())
    _go(RunFolder.create(plan, environment(), ["edgerig", *sys.argv[1:]]), store, wait)


def resume(path: Path, *, wait: bool = True) -> None:
    _go(RunFolder.open_to_write(path), Store(cache_root()), wait)


def rebuild(path: Path) -> None:
    run = RunFolder.open(path)
    results = conclude(run)
    _tell(results)
    _finish(results, write_all(results, run.path))


def _go(run: RunFolder, store: Store, wait: bool) -> None:
    say(f"run {run.path}: {len(run.file.plan.cells)} cells planned", err=True)
    try:
        with shown(len(run.file.plan.cells), len(run.outcomes())) as listen:
            run_sweep(run, store, listen, wait=wait)
    except KeyboardInterrupt:
        say("", err=True)
        say(f"interrupted; what was measured is kept. Go on with: edgerig sweep --resume {run.path}", err=True)
        write_all(conclude(run), run.path)
        sys.exit(INTERRUPTED)
    results = conclude(run)
    _tell(results)
    try:
        written = write_all(results, run.path)
    finally:  # a report that cannot be written keeps the run out of no history
        history.keep(results, run.path)
    _finish(results, written)


def _tell(results: Results) -> None:
    """How the cells ended, before any report is written: one that fails hides nothing of it."""
    counts = Counter(cell.status for cell in results.cells)
    told = (f"{counts[status]} {status}" for status in ("ok", "failed", "skipped", "unsupported") if counts[status])
    say(", ".join(told), err=True)
    for cell in results.cells:
        if cell.status == "failed" and cell.error is not None:
            say(f"failed: {cell.id} ({cell.error.stage}, {cell.error.kind}): {cell.error.message}", err=True)
            if cell.error.hint:
                say(f"  hint: {cell.error.hint}", err=True)


def _finish(results: Results, written: list[Path]) -> None:
    say(next(str(path) for path in written if path.name == "index.html"))
    if any(cell.status in ("failed", "skipped") for cell in results.cells):
        sys.exit(1)
