"""`sweep` and `report`: runs the flow and tells the user how it goes and where the reports are."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from edgerig import api
from edgerig.cli.progress import shown
from edgerig.cli.say import say
from edgerig.errors import EdgerigError
from edgerig.plan import Plan
from edgerig.results import Results
from edgerig.sweep.progress import Progress

INTERRUPTED = 130


def start(file: Path | None, flags: dict[str, Any], *, wait: bool = True) -> None:
    _go(api.plan(file, flags), wait)


def resume(path: Path, *, wait: bool = True) -> None:
    _go(path, wait)


def rebuild(path: Path) -> None:
    _finish(api.rebuild(path, observer=Telling()))


class Telling(api.Observer):
    """Prints it. As a context it ends the live line."""

    def __init__(self) -> None:
        self._shown = contextlib.ExitStack()

    def __enter__(self) -> Telling:
        return self

    def __exit__(self, *error: object) -> None:
        self._shown.close()

    def planned(self, run: Path, cells: int, done: int) -> None:
        say(f"run {run}: {cells} cells planned", err=True)
        self._listen = self._shown.enter_context(shown(cells, done))

    def progressed(self, step: Progress) -> None:
        self._listen(step)

    def interrupted(self, run: Path) -> None:
        self._shown.close()
        say("", err=True)
        say(f"interrupted; what was measured is kept. Go on with: edgerig sweep --resume {run}", err=True)

    def concluded(self, results: Results) -> None:
        """How the cells ended, before any report is written: one that fails hides nothing of it."""
        self._shown.close()
        counts = Counter(cell.status for cell in results.cells)
        counted = (
            f"{counts[status]} {status}" for status in ("ok", "failed", "skipped", "unsupported") if counts[status]
        )
        say(", ".join(counted), err=True)
        for cell in results.cells:
            if cell.status == "failed" and cell.error is not None:
                say(f"failed: {cell.id} ({cell.error.stage}, {cell.error.kind}): {cell.error.message}", err=True)
                if cell.error.hint:
                    say(f"  hint: {cell.error.hint}", err=True)

    def warned(self, error: EdgerigError) -> None:
        say(f"warning: {error.message}", err=True)
        say(f"hint: {error.hint}", err=True)


def _go(what: Plan | Path, wait: bool) -> None:
    try:
        with Telling() as telling:
            run = api.sweep(what, observer=telling, wait=wait, command=["edgerig", *sys.argv[1:]])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _finish(run)


def _finish(run: api.Run) -> None:
    say(next(str(path) for path in run.reports if path.name == "index.html"))
    if any(cell.status in ("failed", "skipped") for cell in run.results.cells):
        sys.exit(1)
