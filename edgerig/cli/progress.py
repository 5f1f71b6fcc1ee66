"""Progress of a sweep: a live line in a terminal, plain lines in a pipe. Drawn once a second: drawing costs the CPU
that a cell of this machine is being timed on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edgerig.cli.say import quoted, say
from edgerig.sweep.progress import CELL, Listener
from edgerig.sweep.progress import Progress as Step

COLOURS = {"ok": "green", "cached": "green", "failed": "red", "unsupported": "yellow", "waiting": "yellow"}


@contextlib.contextmanager
def shown(total: int, done: int) -> Iterator[Listener]:
    """Yields the listener a sweep tells its steps to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=1) as progress:
        bar = progress.add_task("starting", total=total, completed=done)

        def listen(step: Step) -> None:
            if step.status:
                colour = COLOURS.get(step.status, "white")
                detail = f"  [dim]{quoted(step.detail)}[/dim]" if step.detail else ""
                progress.console.print(
                    f"[{colour}]{step.status:>11}[/{colour}] {step.stage:<7} {quoted(step.subject)}{detail}"
                )
            else:
                progress.update(bar, description=f"{step.stage} {quoted(step.subject)}")
            if step.stage == CELL:
                progress.update(bar, advance=1, description="running")

        yield listen


def _plain(step: Step) -> None:
    detail = f": {step.detail}" if step.detail else ""
    say(f"{step.status or 'begin':>11} {step.stage:<7} {step.subject}{detail}", err=True)
