"""A latency over time less what the machine itself took more: each point at the machine's usual speed.

A run's speed is the median of its controls over all of its cells on the device (`measure/machine.py` says why), its
usual one the median over the series' runs. A run without a second control stands as it was measured. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerig.history.metrics import Row
from edgerig.measure.machine import APART, LARGEST

CONTROLS = ("clock", "core", "memory")


@dataclass(frozen=True)
class Correction:
    """What a point's figure is divided by; `left_out` says why no correction would do, "" where one does."""

    factor: float = 1.0
    left_out: str = ""


def corrections(rows: Sequence[Row]) -> list[Correction]:
    """One for each of a series' rows, which hold `machine_<control>_ms` for each of `CONTROLS`, None where unknown."""
    controls = [[row[f"machine_{name}_ms"] for name in CONTROLS] for row in rows]
    usual = [_usual(column) for column in zip(*controls, strict=True)]
    return [_one([_ratio(*pair) for pair in zip(own, usual, strict=True)]) for own in controls]


def _usual(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and value > 0]
    return float(np.median(known)) if known else None


def _ratio(value: float | None, usual: float | None) -> float | None:
    return math.log(value / usual) if value is not None and value > 0 and usual is not None else None


def _one(ratios: Sequence[float | None]) -> Correction:
    clock, *others = ratios
    known = [ratio for ratio in others if ratio is not None]
    if clock is None or not known:
        return Correction()
    if abs(clock) > math.log1p(LARGEST):
        return Correction(left_out="the machine itself was too fast or too slow to correct for")
    if any(abs(ratio - clock) > APART for ratio in known):
        return Correction(left_out="the machine's clock, its arithmetic and its memory were not slower by as much")
    return Correction(factor=math.exp(clock))
