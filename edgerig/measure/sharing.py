"""Beside which bursts of samples the core was shared with what no kernel of the machine knows of, by the computations
that the runner made between them (`ondevice/sharing.py`).

A core's two threads slow each other by a factor that no reader of the kernel's figures sees. The computation's time
has two levels then, alone and shared, the lower one the same beside every network: what it is on a device, all cells of
a run say together (`alone`), so that a cell whose core was shared in every moment is seen by the others. Where it was
shared in every moment of a whole run, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgerig.measure.raw import Watched
from edgerig.ondevice.contention import COLUMNS, UNKNOWN

SLOWED = 1.2
"""Times the reference: alone the computation repeats to 3 %, shared it took 1.5 times as long and more."""
REFERENCE = 1
"""The percentile of a cell's bursts that is the reference: cores were seen to be alone beside 2 % of them."""
SHORT_NS = 1_000_000
"""A burst below it counts as shared if the one before or after it was: a stranger that comes and goes within such a
time is often away at both ends of a burst and there between them (of medians of 150 to 250 us, 1 % less then)."""
FEWEST = 100
"""Bursts of a cell, all processes together, below which a percentile of them says nothing."""

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


def alone(watched: Sequence[Watched], threads: int) -> float | None:
    """What the core's computation took over the chain's while nothing shared the core, as far as one cell's processes
    tell; None of several threads, whose cores were not all looked at, and of fewer than `FEWEST` bursts."""
    known = np.concatenate([np.empty(0), *(_ratios(each) for each in watched)])
    known = known[~np.isnan(known)]
    if threads > 1 or len(known) < FEWEST:
        return None
    return float(np.percentile(known, REFERENCE, method="lower"))


def shared(watched: Sequence[Watched], threads: int, reference: float | None) -> tuple[tuple[Flags, ...], str]:
    """Of each process' bursts, whether the core was shared before or after it, or beside the next one to a short one:
    one (B,) array per process, all False with the reason where that is not known. `reference` is what `alone` gives of
    the device."""
    ratios = [_ratios(each) for each in watched]
    nothing = tuple(np.zeros(len(each), np.bool_) for each in ratios)
    if threads > 1:
        return nothing, f"of the cores of {threads} threads only one could be looked at"
    if reference is None or all(np.isnan(each).all() for each in ratios):
        return nothing, f"fewer than {FEWEST} bursts tell how fast the core is alone"
    slowed = [each > SLOWED * reference for each in ratios]  # NaN is not above anything
    return tuple(_widened(each, flags) for each, flags in zip(watched, slowed, strict=True)), ""


def _widened(watched: Watched, flags: Flags) -> Flags:
    beside = np.zeros(len(flags), np.bool_)
    beside[1:] |= flags[:-1]
    beside[:-1] |= flags[1:]
    widened: Flags = flags | (beside & (watched.bursts[:, COLUMNS.index("wall_ns")] < SHORT_NS))
    return widened


def core_ms(watched: Watched, bursts: Flags) -> float | None:
    """Median milliseconds of the computation beside `bursts`, a (B,) array; None where none timed it."""
    timed = watched.bursts[bursts, COLUMNS.index("core_ns")]
    timed = timed[timed != UNKNOWN]
    return float(np.median(timed)) / 1e6 if len(timed) else None


def _ratios(watched: Watched) -> Numbers:
    """Of each burst the core's computation over the chain's of its stretch, NaN where one is missing."""
    stretches = watched.raw.stretches
    chains = np.array([each.chain_ns or np.nan for each in stretches], dtype=np.float64)
    of_bursts = np.repeat(chains, [each.bursts for each in stretches])
    of_bursts = np.concatenate([of_bursts, np.full(len(watched.bursts) - len(of_bursts), np.nan)])
    core = watched.bursts[:, COLUMNS.index("core_ns")].astype(np.float64)
    ratios: Numbers = np.where(core == UNKNOWN, np.nan, core) / of_bursts
    return ratios
