"""How fast the machine itself was in a run, by the controls beside its timed loops, and what that does to a comparison.

One machine is not always as fast: its clock follows heat and load, a virtual one shares its cores and its memory. The
controls (`ondevice/control.py`) are the same computation in every run, so that what they took more, latencies took more
as well. Over all cells of a device their median is known far better than one cell's own control, which is why a
comparison is corrected by the former: pairs of runs of the same builds an hour apart, all of which the clock had moved
by up to 7 %, came out within 3 % in every cell, by the cells' own controls with up to an eighth of them outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from edgerig.measure.latency import FEWEST_BLOCKS, between, half_of, resampled_logs, squares
from edgerig.results import Value

FLOOR = 0.003
"""Half of a control's 95 % interval at least, relative: on an idle machine it repeats to this."""
ASSUMED = 0.03
"""The same where one process alone timed it."""
LARGEST = 0.25
"""A machine slower or faster by more than this is not corrected for: not everything scales with the control then."""
UNCORRECTED = 0.03
"""How far the control may differ before latencies are not compared, where the second control is missing."""
WIDEST = 10.0
Milliseconds = Annotated[float, Field(gt=0, le=1e9)]


class Control(Value):
    """The median of a control over a run's cells on a device; `half_width` is half of its 95 % interval, relative."""

    ms: Milliseconds
    half_width: Annotated[float, Field(ge=0, le=WIDEST)]


class Speed(Value):
    """A device's in a run; None where no runner timed that control."""

    clock: Control | None = None
    memory: Control | None = None


class Shift(Value):
    """What the machine's controls took in the new run against the base, relative (0.05: 5 % more), with 95 % intervals.

    Latencies are divided by `1 + clock` where `corrected`. `apart` is how far both controls surely disagree, as a
    difference of logarithms: a latency may follow either, so that its interval reaches from one to the other. `doubt`
    says why no latency of the device can be compared, `reason` why none is corrected, "" where they can.
    """

    device: str
    clock: float
    clock_low: float
    clock_high: float
    memory: float | None = None
    memory_low: float | None = None
    memory_high: float | None = None
    apart: float = 0.0
    corrected: bool
    doubt: str = ""
    reason: str = ""


def speed_of(clock: Iterable[Sequence[float]], memory: Iterable[Sequence[float]] = ()) -> Speed:
    """Of a device in a run: what the controls took in each process (ms) of each of its cells, in the run's order."""
    return Speed(clock=_control(clock), memory=_control(memory))


def shift(device: str, base: Speed | None, new: Speed | None) -> Shift | None:
    """None where either run has no control at all: nothing is known then of the machine."""
    if base is None or new is None or base.clock is None or new.clock is None:
        return None
    clock, half = _ratio(base.clock, new.clock)
    known = {
        "device": device,
        "clock": math.expm1(clock),
        "clock_low": math.expm1(clock - half),
        "clock_high": math.expm1(clock + half),
    }
    if base.memory is None or new.memory is None:
        reason = _no_memory(base, new)
        doubt = f"that is above {UNCORRECTED:.0%}, and {reason}" if abs(clock) > UNCORRECTED else ""
        return Shift.model_validate({**known, "corrected": False, "doubt": doubt, "reason": reason})
    memory, memory_half = _ratio(base.memory, new.memory)
    known |= {
        "memory": math.expm1(memory),
        "memory_low": math.expm1(memory - memory_half),
        "memory_high": math.expm1(memory + memory_half),
        "apart": max(0.0, abs(memory - clock) - math.hypot(half, memory_half)),
    }
    if abs(clock) > math.log1p(LARGEST):
        doubt = f"that is more than the {LARGEST:.0%} that are corrected for"
        return Shift.model_validate({**known, "corrected": False, "doubt": doubt, "reason": doubt})
    return Shift.model_validate({**known, "corrected": True})


def _no_memory(base: Speed, new: Speed) -> str:
    which = "neither run has" if base.memory is new.memory else "one of the runs lacks"
    return f"{which} a control bound by memory, which tells a slower clock from other things"


def _ratio(base: Control, new: Control) -> tuple[float, float]:
    """The logarithm of new / base, and half of its 95 % interval."""
    return math.log(new.ms / base.ms), math.hypot(base.half_width, new.half_width)


def _control(cells: Iterable[Sequence[float]]) -> Control | None:
    """The median over the cells' processes. Its interval: from five cells on a bootstrap over the cells, whose
    processes follow each other and resemble each other; of fewer, Student's t over the processes."""
    known = [cell for cell in cells if cell and min(cell) > 0]
    processes = np.log([value for cell in known for value in cell])
    if not len(processes):
        return None
    if len(known) >= FEWEST_BLOCKS:
        half = half_of(resampled_logs([[float(np.median(cell)) for cell in known]]))
    elif len(processes) > 1:
        deviation, quantile = between(squares(processes), len(processes) - 1, floor=FLOOR)
        half = quantile * deviation / math.sqrt(len(processes))
    else:
        half = ASSUMED
    return Control(ms=math.exp(float(np.median(processes))), half_width=min(max(half, FLOOR), WIDEST))
