"""What a tuning found."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edgerig.results import CellResult
from edgerig.spec import Strict
from edgerig.tune.question import Question
from edgerig.tune.space import Candidate
from edgerig.tune.trial import Trial


class Ended(Strict):
    """A variant and its float twin where it was measured, with what the rule of decisions says of it."""

    cell: CellResult
    floating: CellResult | None
    why: str
    kept: bool
    """Does it keep the budget?"""
    cautions: tuple[str, ...] = ()


class Tuned(Strict):
    """`front` are the trials that no other one beats in size and distance from the source. `on_device` is of the
    validation data, `on_test` of the test data, which was used for this alone. `grid` is how many variants a full grid
    of the same space has."""

    question: Question
    folder: Path
    validation: str
    trials: tuple[Trial, ...]
    front: tuple[str, ...]
    dominance: str
    seconds: float
    grid: int
    winner: Candidate | None = None
    why_none: str = ""
    file: Path | None = None
    command: str = ""
    on_device: Ended | None = None
    on_test: Ended | None = None
    runs: dict[str, str] = Field(default={})
    """Rung → its run's folder, relative to `folder`."""
