"""Whether one more process is worth its start for the variants of a model and format that are being built."""

from __future__ import annotations

from dataclasses import dataclass

from edgerig.build import queue
from edgerig.build.request import Failure, Prepared
from edgerig.plan import Cell
from edgerig.spec import load_formats
from edgerig.sweep.pipeline import BuildTask


@dataclass
class Building:
    """The variants of one model and format while they are built, by one process or by several."""

    task: BuildTask
    cells: list[Cell]
    prepared: Prepared
    left: set[str]
    """Recipes without an outcome."""
    processes: int = 0
    """That were submitted and have not ended."""
    failure: Failure | None = None
    """Of a process that nobody foresaw."""
    vain: bool = False
    """Did a process end that found nothing to build?"""

    def worth_another(self) -> bool:
        """Would one more process be worth its start?"""
        if self.vain or self.failure:
            return False
        seen = queue.begun(self.task.queue)
        waiting = queue.waiting(self.task.queue)
        starting = max(0, self.processes - len({each.process for each in seen}))
        apart = load_formats()[self.task.format].apart
        return queue.worth_another(seen, len(self.left if waiting is None else waiting), starting, apart=apart)
