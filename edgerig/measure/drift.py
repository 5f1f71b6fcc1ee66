"""Whether what was timed changed in one direction meanwhile: a median of samples that drift is no level of anything.

Three things tell so: processes that got slower (or faster) one after another, loops whose samples did so from their
beginning to their end, and a clock that rose between two readings (a fall is throttling's, `measure/throttling.py`).
Order is judged by Kendall's tau (Biometrika 30(1/2), 1938; as a test against time: Mann, Econometrica 13(3), 1945): it
asks for no straight line and one stray value does not decide it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgerig.measure.latency import block_medians, process_medians
from edgerig.measure.throttling import LEAST_SHARE
from edgerig.results import CellState

SHOWS = 0.05
"""From the first to the last, relative: less is within what decisions and gates call the same (`SAME_TIME` twice)."""
LEAST_PROCESSES = 5
"""All in order by chance: one of 60, of four one of 12."""
LEAST_BLOCKS = 10
SIGNIFICANT = 0.02
"""Two-sided. By chance alone one cell in fifty, were a change of `SHOWS` not asked for as well."""

GOING_ON = 1 / 3
"""Of `SHOWS`, what the second half of a loop has to change by: what comes to rest soon is a warm-up, and the median of
the loop is that of what follows it."""

Floats = npt.NDArray[np.float64]


def signs(processes_ns: Sequence[npt.NDArray[np.int64]], state: CellState) -> list[str]:
    """What says that the cell drifted; empty: nothing does. `processes_ns` are int64 (S,) each, in order."""
    return [*_processes(processes_ns), *_loops(processes_ns), *_clock(state)]


def _processes(processes_ns: Sequence[npt.NDArray[np.int64]]) -> list[str]:
    medians = np.array(process_medians(processes_ns))
    if len(medians) < LEAST_PROCESSES or not one_way(medians):
        return []
    change = _change(medians)
    return [f"its {len(medians)} processes got {_words(change)} one after another"] if abs(change) >= SHOWS else []


def _loops(processes_ns: Sequence[npt.NDArray[np.int64]]) -> list[str]:
    blocks = [block_medians(samples) for samples in processes_ns if len(samples)]
    long = [each for each in blocks if len(each) >= LEAST_BLOCKS]
    if not long or len(long) < len(blocks) or not all(map(one_way, long)):
        return []
    changes = [_change(each) for each in long]
    typical = float(np.median(changes))
    if abs(typical) < SHOWS or any(change * typical < 0 for change in changes):
        return []
    late = float(np.median([_change(each[len(each) // 2 - len(each) // 10 :]) for each in long]))
    if late * math.copysign(1, typical) < SHOWS * GOING_ON:
        return []
    where = "within its loop" if len(long) == 1 else f"within each of its {len(long)} loops"
    return [f"inferences got {_words(typical)} {where}"]


def _clock(state: CellState) -> list[str]:
    """The steepest rise of a processor's clock among the readings of the loop's pauses and after it."""
    lowest: dict[int | None, int] = {}
    steepest = 1.0
    for reading in (*state.during, state.after):
        if reading is None or not reading.frequency_khz:
            continue
        low = lowest.setdefault(reading.cpu, reading.frequency_khz)
        lowest[reading.cpu] = min(low, reading.frequency_khz)
        steepest = max(steepest, reading.frequency_khz / low)
    return [f"the processor's clock rose to {steepest:.2g} times of what it was before"] * (steepest > 1 / LEAST_SHARE)


def one_way(values: Floats) -> bool:
    """Do they go up, or down, by more than chance? Kendall's tau against their order: of up to nine values its exact
    distribution, of more its normal approximation."""
    count = len(values)
    pairs = np.sign(values[None, :] - values[:, None])[np.triu_indices(count, 1)]
    score = abs(int(pairs.sum()))
    if count < 10:
        return _at_least(count, score) <= SIGNIFICANT
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return math.erfc((score - 1) / deviation / math.sqrt(2)) <= SIGNIFICANT


def _at_least(count: int, score: int) -> float:
    """Of `count` values in random order, the chance of a score of so much or more, either way: a score is what pairs
    in order outnumber the others by, and orders with k pairs of the others are counted by recursion (Kendall)."""
    ways = [1]
    for size in range(2, count + 1):
        ways = [sum(ways[max(0, k - size + 1) : k + 1]) for k in range(len(ways) + size - 1)]
    most = count * (count - 1) // 2
    return min(1.0, 2 * sum(n for k, n in enumerate(ways) if most - 2 * k >= score) / math.factorial(count))


def _change(values: Floats) -> float:
    """From the first fifth to the last, relative."""
    part = max(1, len(values) // 5)
    return float(np.median(values[-part:]) / np.median(values[:part]) - 1)


def _words(change: float) -> str:
    return f"{abs(change):.1%} {'slower' if change > 0 else 'faster'}"
