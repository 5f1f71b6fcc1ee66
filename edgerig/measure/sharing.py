"""Beside which bursts of samples the core was shared with what no kernel of the machine knows of, by the computations
that the runner made between them (`ondevice/sharing.py`).

A core's two threads slow each other by a factor that no reader of the kernel's figures sees. The computation's time
has two levels then, alone and shared, and the lower one is the cell's own reference: nothing need be known of the
machine. Where the core was shared in every moment of all of a cell's processes, there is no lower level, and nobody can
tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgerig.measure.raw import Watched
from edgerig.ondevice.contention import COLUMNS, UNKNOWN

SLOWED = 1.2
"""Times the reference: alone the computation repeats to a few per cent, shared it took 1.6 times as long and more."""
REFERENCE = 1
"""The percentile of a cell's bursts that is the reference: cores were seen to be alone beside 2 % of them."""
FEWEST = 100
"""Bursts of a cell, all processes together, below which a percentile of them says nothing."""

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


def shared(watched: Sequence[Watched], threads: int) -> tuple[tuple[Flags, ...], str]:
    """Of each process' bursts, whether the core was shared before or after it: one (B,) array per process, all False
    with the reason where that is not known."""
    ratios = [_ratios(each) for each in watched]
    nothing = tuple(np.zeros(len(each), np.bool_) for each in ratios)
    known = np.concatenate([each[~np.isnan(each)] for each in ratios])
    if threads > 1:
        return nothing, f"of the cores of {threads} threads only one could be looked at"
    if len(known) < FEWEST:
        return nothing, f"{len(known)} bursts are too few to know how fast a core is alone"
    limit = SLOWED * float(np.percentile(known, REFERENCE, method="lower"))
    return tuple(each > limit for each in ratios), ""  # NaN is not above anything


def core_ms(watched: Watched, bursts: Flags) -> float | None:
    """Median milliseconds of the computation beside `bursts`, a (B,) array; None where none timed it."""
    timed = watched.bursts[bursts, COLUMNS.index("core_ns")]
    timed = timed[timed != UNKNOWN]
    return float(np.median(timed)) / 1e6 if len(timed) else None


def _ratios(watched: Watched) -> Numbers:
    """Of each burst the core's computation over the chain's of its stretch, NaN where one is missing."""
    stretches = watched.told.stretches
    chains = np.array([each.chain_ns or np.nan for each in stretches], dtype=np.float64)
    of_bursts = np.repeat(chains, [each.bursts for each in stretches])
    of_bursts = np.concatenate([of_bursts, np.full(len(watched.bursts) - len(of_bursts), np.nan)])
    core = watched.bursts[:, COLUMNS.index("core_ns")].astype(np.float64)
    ratios: Numbers = np.where(core == UNKNOWN, np.nan, core) / of_bursts
    return ratios
