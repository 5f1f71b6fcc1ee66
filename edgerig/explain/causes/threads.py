"""Threads that were asked for and are not there."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason
from edgerig.figures import numbers


def not_in_force(evidence: Evidence) -> Reason | None:
    cell = evidence.cell
    if cell.engine is None or cell.engine.threads == cell.threads:
        return None
    asked = numbers.counted(cell.threads, "thread")
    text = f"{asked} asked for, {cell.engine.threads} in force, as {cell.engine.runtime} tells"
    return Reason("threads", text, "compare it with the cells of that count")


def held_to_fewer(evidence: Evidence) -> Reason | None:
    """More threads than processors it may run on: they take turns."""
    cell = evidence.cell
    held, known, seen = len(cell.processors), evidence.device.cores, cell.affinity.at_once
    room = seen or held or known
    if room is None or cell.threads <= room:
        return None
    where = f"the processors it is held to ({held})" if held else f"the device's processors ({known})"
    if seen is not None:
        where = f"can run at once there ({seen})"
    return Reason("processors", f"{cell.threads} threads are more than {where}", numbers.counted(room, "thread"))
