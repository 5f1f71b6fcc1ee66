"""What every step of a tuning works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig.build.store import Store
from edgerig.plan import Plan
from edgerig.sweep.progress import Progress
from edgerig.tune.journal import Journal
from edgerig.tune.question import Question
from edgerig.tune.space import Candidate
from edgerig.tune.split import Validation
from edgerig.tune.trial import Trial


class Observer:
    """Is told how it goes. Here each method does nothing; a subclass has those it needs."""

    def began(self, folder: Path, validation: str, done: int) -> None:
        """`done` trials are known from before; variants are chosen on `validation`."""

    def tried(self, trial: Trial, number: int, front: Sequence[str]) -> None:
        """A candidate was built; `front` are the names of those that no other one beats by now."""

    def looked(self, why: str, found: Sequence[Candidate]) -> None:
        """A variant was looked into layer by layer."""

    def went_on(self, rung: str, names: Sequence[str]) -> None:
        """These go on to a dearer rung."""

    def progressed(self, step: Progress) -> None:
        """Of the sweep that a rung is."""


@dataclass(frozen=True)
class Work:
    """`plan` is of the float variants, on the test data; `validation` what is chosen on, whose calibration split has
    `samples`."""

    question: Question
    plan: Plan
    validation: Validation
    samples: int
    store: Store
    folder: Path
    journal: Journal
    observer: Observer
    wait: bool
