"""How each figure of a report was measured, and how far to trust it."""

from __future__ import annotations

from edgerig import figures
from edgerig.figures.verdict import explained

Note = tuple[str, str]
"""(name, text)."""

_BEFORE: tuple[Note, ...] = (
    (
        "What to ship",
        "what breaks the budget or computes something else on the device is ruled out; where no variant has an "
        "accuracy, agreement with the float network stands for it. Of the rest the lowest median latency wins; where "
        "medians are not told apart (their 95 % intervals overlap, or they are within 2 %) the better measured, then "
        "the smaller file. On an emulated device no latency counts: the fewest instructions win, within 10 % of them "
        "the smaller file, and where none were counted the smallest file. Neither is a time, so such a choice is "
        "provisional, as is any where the data leaves a part of the budget open, as an interval "
        "that reaches across a limit does.",
    ),
)

_AFTER: tuple[Note, ...] = (
    ("Verdict", f"of the latency. {explained()}"),
    ("–", "not measured, never zero; the reasons are listed."),
)


def notes() -> tuple[Note, ...]:
    """In the order of a report's tables."""
    return (*_BEFORE, *(note for figure in figures.reported() for note in figure.notes), *_AFTER)
