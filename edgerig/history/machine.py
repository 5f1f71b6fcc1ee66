"""A latency over time less what the machine itself took more: each point at the machine's usual speed.

A run's speed is the median of its controls over all of its cells on the device (`compare/machine.py` says why), its
usual one the median over the series' runs. A run without a second control stands as it was measured. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerig.compare.machine import APART, LARGEST
from edgerig.history.metrics import Row
from edgerig.measure.contention import CACHED_BYTES
from edgerig.measure.sharing import SLOWED

_CLOCK_MEMORY = ("machine_clock_ms", "machine_memory_ms")
_CORE = ("machine_core_ms", "core_control_ms")
_BESIDE = ("machine_beside_ms", "beside_control_ms")
"""The core's, of the run and beside the cell itself; and the short one between the samples that count, which stands for
it where all of a series' runs have it, as in a comparison (`compare.machine.Speed`)."""


@dataclass(frozen=True)
class Correction:
    """What a point's figure is divided by; `left_out` says why no correction would do, "" where one does."""

    factor: float = 1.0
    left_out: str = ""


def corrections(rows: Sequence[Row]) -> list[Correction]:
    """One for each of a series' rows, which hold `machine_<control>_ms` for each control, None where unknown, and the
    core's beside the cell itself: a neighbour that was there for it alone is not seen in the run's median."""
    beside = all(row[name] is not None for row in rows for name in _BESIDE)
    controls = [[row[name] for name in (*_CLOCK_MEMORY, *(_BESIDE if beside else _CORE))] for row in rows]
    cached = [(row["size_bytes"] or 0) <= CACHED_BYTES for row in rows]
    usual = [_usual(column) for column in zip(*controls, strict=True)]
    ratios = [[_ratio(*pair) for pair in zip(own, usual, strict=True)] for own in controls]
    apart = math.log(SLOWED) if beside else APART
    return [
        _one(clock, memory, core, own, apart, reads_memory=not small)
        for (clock, memory, core, own), small in zip(ratios, cached, strict=True)
    ]


def _usual(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and value > 0]
    return float(np.median(known)) if known else None


def _ratio(value: float | None, usual: float | None) -> float | None:
    return math.log(value / usual) if value is not None and value > 0 and usual is not None else None


def _one(
    clock: float | None,
    memory: float | None,
    core: float | None,
    own_core: float | None,
    own_apart: float,
    *,
    reads_memory: bool,
) -> Correction:
    """`own_apart` is how far the control beside the cell may be from the clock's."""
    if clock is None or (core is None and memory is None):
        return Correction()
    if abs(clock) > math.log1p(LARGEST):
        return Correction(left_out="the machine itself was too fast or too slow to correct for")
    others = ((core, APART), (own_core, own_apart), (memory if reads_memory else None, APART))
    if any(abs(ratio - clock) > limit for ratio, limit in others if ratio is not None):
        return Correction(left_out="the machine's clock, its arithmetic and its memory were not slower by as much")
    return Correction(factor=math.exp(clock))
