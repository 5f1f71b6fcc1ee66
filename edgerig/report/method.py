"""How each figure of a report was measured, and how far to trust it."""

from __future__ import annotations

from edgerig import figures

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
    (
        "Verdict",
        "of the latency. stable: its median over several processes is known to ±2 %. noisy: it is not. contended: "
        "other processes took the processor or worked beside it, it shows in the samples, and too few were left alone; "
        "such a cell is not ranked. fallback: "
        "operators ran outside the fast backend, or with another thread count than was asked for. throttled: the "
        "device held its processor back meanwhile. emulated: "
        "not a latency to compare at all. saturates: 8-bit products overflow on this processor, so that its "
        "outputs are not another's. wrong: the device computes something else than the file did when it was "
        "built; such a cell is never recommended.",
    ),
    ("–", "not measured, never zero; the reasons are listed."),
)


def notes() -> tuple[Note, ...]:
    """In the order of a report's tables."""
    return (*_BEFORE, *(note for figure in figures.reported() for note in figure.notes), *_AFTER)
