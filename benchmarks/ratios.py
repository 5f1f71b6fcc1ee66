"""What both benchmarks say the same way: a ratio over interleaved rounds, and the machine it was found on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from edgerig.devices.host import cpu_model
from edgerig.ondevice import processors


@dataclass(frozen=True)
class Ratio:
    """`median`, `low` and `high` of the rounds' ratios; no unit."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"ratio {self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def per_round(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours over theirs, round by round: what drifts from round to round falls out of a ratio within one."""
    found = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(median(found), min(found), max(found))


def machine() -> str:
    """The machine in a line, with its load average of the last minute."""
    cpu = cpu_model() or "unknown processor"
    return (
        f"machine: {cpu}, {processors.available()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.2f}"
    )
