"""Runs → a study: every claim held against all of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.errors import ConfigError
from edgerig.results import Results
from edgerig.study.claims import CLAIMS
from edgerig.study.finding import Finding, concluded
from edgerig.study.seen import Seen, seen


@dataclass(frozen=True)
class Study:
    """`cells` are all that the runs had, in the order of reports; a figure's cell is one of them."""

    runs: tuple[Results, ...]
    findings: tuple[Finding, ...]
    cells: tuple[Seen, ...]


def study(runs: Sequence[Results]) -> Study:
    """A finding for every claim, from the cells of one run or several. Cells are compared within a run and a device
    alone. Raises ConfigError without any run."""
    if not runs:
        raise ConfigError("a study needs a run", hint="give a run's folder, or none at all to measure one")
    cells = seen(runs)
    return Study(tuple(runs), tuple(concluded(claim, cells) for claim in CLAIMS), cells)
