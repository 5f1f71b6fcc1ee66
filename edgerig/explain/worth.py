"""Which cells are worth looking into: those somebody will ask about."""

from __future__ import annotations

from edgerig.decide.budget import budget_of
from edgerig.decide.decision import decisions
from edgerig.explain.evidence import gathered, left
from edgerig.explain.why import explained
from edgerig.results import Results


def worth_profiling(results: Results) -> set[str]:
    """Ids of the cells that surprise and of those they are held against, of those whose delegate leaves operators to
    the runtime, and of what is recommended with its float twin. Raises ResultsError where the run's budget is none."""
    evidence = gathered(results)
    found = {cell.id for why in explained(results) for cell in (why.cell, *why.beside)}
    found |= {each.cell.id for each in evidence if left(each.cell)}
    picks = {each.pick.id for each in decisions(results, budget_of(results)) if each.pick is not None}
    return found | picks | {each.twin.id for each in evidence if each.cell.id in picks and each.twin is not None}
