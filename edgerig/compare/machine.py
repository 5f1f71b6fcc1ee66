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
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from edgerig.measure.contention import CACHED_BYTES
from edgerig.measure.latency import FEWEST_BLOCKS, half_of, resampled_logs, trimmed
from edgerig.ondevice.control import MEMORY_BYTES
from edgerig.results import Value

FLOOR = 0.003
"""Half of a control's 95 % interval at least, relative: on an idle machine it repeats to this."""
ASSUMED = 0.03
"""The same where one process alone timed it."""
LARGEST = 0.25
"""A machine slower or faster by more than this is not corrected for: not everything scales with the control then."""
APART = 0.1
"""Where a single figure must do, as in a history, controls further apart than this (as a difference of logarithms) make
it unusable: nobody knows which of the two it followed."""
UNCORRECTED = 0.03
"""How far the control may differ before latencies are not compared, where the second control is missing; and how far
the core's beside one cell may differ from the clock's by chance."""
WIDEST = 10.0
Milliseconds = Annotated[float, Field(gt=0, le=1e9)]


class Control(Value):
    """The median of a control over a run's cells on a device; `half_width` is half of its 95 % interval, relative."""

    ms: Milliseconds
    half_width: Annotated[float, Field(ge=0, le=WIDEST)]


class Speed(Value):
    """A device's in a run; None where no runner timed that control. `beside` is the core's short one between the
    samples that count: where both runs have it, it stands for the core's, which met neighbours that those did not."""

    clock: Control | None = None
    core: Control | None = None
    memory: Control | None = None
    beside: Control | None = None


Name = Literal["clock", "core", "memory"]


class ControlChange(Value):
    """What a control took in the new run against the base, relative (0.05: 5 % more), with its 95 % interval."""

    control: Name
    change: float
    low: float
    high: float


class Shift(Value):
    """What became of the machine: `changes` of its controls, that of the clock first.

    Latencies are divided by `1 + clock.change` where `corrected`. `core_slower` and `core_faster` are how much more or
    less than the clock's the core's control surely changed, as differences of logarithms, `memory_…` the memory's; what
    they do to a latency is `reach`'s to say. `memory_ms` is what memory's took in the base. `doubt` says why no latency
    of the device can be compared, `reason` why none is corrected, "" where they can.
    """

    device: str
    changes: tuple[ControlChange, ...]
    core_slower: float = 0.0
    core_faster: float = 0.0
    memory_slower: float = 0.0
    memory_faster: float = 0.0
    memory_ms: float | None = None
    corrected: bool
    doubt: str = ""
    reason: str = ""

    @property
    def clock(self) -> ControlChange:
        return self.changes[0]


def speed_of(
    clock: Iterable[Sequence[float]],
    core: Iterable[Sequence[float]] = (),
    memory: Iterable[Sequence[float]] = (),
    beside: Iterable[Sequence[float]] = (),
) -> Speed:
    """Of a device in a run: what the controls took in each process (ms) of each of its cells, in the run's order."""
    return Speed(clock=_control(clock), core=_control(core), memory=_control(memory), beside=_control(beside))


def shift(device: str, base: Speed | None, new: Speed | None) -> Shift | None:
    """None where either run has no control at all: nothing is known then of the machine."""
    if base is None or new is None or base.clock is None or new.clock is None:
        return None
    clock, half = _ratio(base.clock, new.clock)
    changes, apart = [_change("clock", clock, half)], dict[str, float]()
    known_beside = base.beside is not None and new.beside is not None
    core = (base.beside, new.beside) if known_beside else (base.core, new.core)
    others: tuple[tuple[Name, Control | None, Control | None], ...] = (
        ("core", *core),
        ("memory", base.memory, new.memory),
    )
    for name, was, now in others:
        if was is not None and now is not None:
            ratio, other_half = _ratio(was, now)
            changes.append(_change(name, ratio, other_half))
            sure = math.hypot(half, other_half)
            apart[f"{name}_slower"] = max(0.0, ratio - clock - sure)
            apart[f"{name}_faster"] = max(0.0, clock - ratio - sure)
    memory_ms = None if base.memory is None else base.memory.ms
    known = {"device": device, "changes": tuple(changes), "memory_ms": memory_ms, **apart}
    if len(changes) == 1:
        reason = "one of the runs, or both, has no second control, which tells a slower clock from other things"
        doubt = f"that is above {UNCORRECTED:.0%}, and {reason}" if abs(clock) > UNCORRECTED else ""
        return Shift.model_validate({**known, "corrected": False, "doubt": doubt, "reason": reason})
    if abs(clock) > math.log1p(LARGEST):
        doubt = f"that is more than the {LARGEST:.0%} that are corrected for"
        return Shift.model_validate({**known, "corrected": False, "doubt": doubt, "reason": doubt})
    return Shift.model_validate({**known, "corrected": True})


def reach(machine: Shift, size_bytes: int | None, p50_ms: float, own_core: float | None = None) -> tuple[float, float]:
    """How far below and above the effect corrected by the clock its interval reaches besides, in logarithms, because a
    latency may follow another control.

    The core's wholly, that of the run and the one beside the cell itself (`own_core`, new / base): a neighbour that was
    there for this cell alone is not seen in the run's median. The memory's by as much of the latency as reading the
    file takes at most (twice, for what it computes), at the speed of that control: the bound of a roofline (Williams,
    Waterman and Patterson, Communications of the ACM 52(4), 2009). A file that stays in a cache reads no memory.
    """
    share = 1.0
    if size_bytes is not None and machine.memory_ms is not None:
        reading_ms = 2 * size_bytes / MEMORY_BYTES * machine.memory_ms
        share = 0.0 if size_bytes <= CACHED_BYTES else min(1.0, reading_ms / p50_ms)
    own = 0.0 if own_core is None else math.log(own_core) - math.log1p(machine.clock.change)
    return (
        max(machine.core_slower, share * machine.memory_slower, own - UNCORRECTED),
        max(machine.core_faster, share * machine.memory_faster, -own - UNCORRECTED),
    )


def _change(name: Name, ratio: float, half: float) -> ControlChange:
    return ControlChange(
        control=name, change=math.expm1(ratio), low=math.expm1(ratio - half), high=math.expm1(ratio + half)
    )


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
        half = trimmed(processes).half(FLOOR)
    else:
        half = ASSUMED
    return Control(ms=math.exp(float(np.median(processes))), half_width=min(max(half, FLOOR), WIDEST))
