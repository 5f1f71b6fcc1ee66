"""Guest instructions of one inference, from the counts of its repeats."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from edgerig.measure.raw_run import RawInstructions
from edgerig.results import Cost


def instructions(found: RawInstructions) -> Cost:
    """The most frequent count of an inference less that of an empty call, and the range of the former.

    Runtimes repeat their count exactly but for an odd inference (an allocator's turn, say), which a mean would carry
    into every comparison. Where no count occurs more often than the others, the middle one stands for them.
    """
    if not found.counts or not found.empty:
        return Cost(reason=found.reason or "the runner counted none")
    return Cost(
        instructions=max(0, _most_frequent(found.counts) - _most_frequent(found.empty)),
        spread=max(found.counts) - min(found.counts),
    )


def _most_frequent(counts: Sequence[int]) -> int:
    """The lower middle one of those that occur most often."""
    return statistics.median_low(statistics.multimode(counts))
