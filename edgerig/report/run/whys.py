"""What surprises and why, in the order a reader wants it: what is to ship, then what is slower by most. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.decide.decision import Decision
from edgerig.explain import Why, explained
from edgerig.results import Results

SHOWN = 60
"""Of a page and of a Markdown report."""


def ordered(results: Results, decided: Sequence[Decision]) -> list[Why]:
    """All of them, of both the slowest against what it is held against first; of equals what something explains."""
    first = {cell.id for each in decided for cell in (each.pick, each.runner_up) if cell is not None}
    return sorted(explained(results), key=lambda why: (why.cell.id not in first, -why.times, not why.reasons))


def lines(why: Why) -> list[str]:
    """The surprise, each reason with what to try, and what is left open: a sentence each, without full stops."""
    told = [f"{each.text}{f'. Try: {each.attempt}' if each.attempt else ''}" for each in why.reasons]
    told += [why.open] if why.open else []
    return [why.surprise, *(f"{line[0].upper()}{line[1:]}" for line in told)]
