"""Operators that wait for the memory: their tensors come as fast as this device reads any, and no faster."""

from __future__ import annotations

from statistics import median

from edgerig.explain.evidence import Evidence
from edgerig.explain.reason import Reason, listed
from edgerig.figures import numbers
from edgerig.results import CellResult, OperatorProfile, Profile
from edgerig.results.profile import OperatorKind

READ_BYTES = 64 * 2**20
"""What the memory control reads beside every timed loop (`ondevice/control.MEMORY_BYTES`)."""
BOUND = 0.6
"""Of the reading speed: what moves its tensors at less waits for something else."""
LEAST = 0.25
"""Of the inference in such operators: less does not bind it."""
_ATTEMPT = "weights of fewer bits; a faster clock does not help"


def bound(evidence: Evidence) -> Reason | None:
    """By the reading speed that the cell's own control found, which is one thread's. Only of an inference whose tensors
    are more than the caches hold: what stays in them is not read from the memory, however fast it comes."""
    speed, profile = reading_speed(evidence.cell), evidence.profile
    if (
        speed is None
        or evidence.cell.threads != 1
        or profile.unit != "ns"
        or profile.shares_only
        or _stays_in_caches(profile)
    ):
        return None
    waiting = [each for each in profile.operators if each.macs and (each.traffic or 0.0) >= BOUND * speed]
    share = sum(each.share for each in waiting)
    if share < LEAST or (evidence.both_profiled and _gained(evidence, {each.kind for each in waiting})):
        return None
    macs = sum((each.macs or 0) * each.calls for each in waiting)
    moved = sum((each.moved or 0) * each.calls for each in waiting)
    part = numbers.percent(moved / sum(each.value for each in waiting) / speed)
    text = (
        f"memory-bound: {listed(waiting)} move {numbers.significant(moved / macs)} bytes a multiply-accumulate, at "
        f"{part} of the {numbers.significant(speed)} GB/s that one thread reads this device's memory at"
    )
    return Reason("memory", text, _ATTEMPT, share)


def reading_speed(cell: CellResult) -> float | None:
    """GB/s of one thread, as the control beside the cell's timed loop found it; None where it did not."""
    found = () if cell.latency is None else cell.latency.controls.memory_ms
    return READ_BYTES / (median(found) * 1e6) if found and min(found) > 0 else None


def _gained(evidence: Evidence, kinds: set[OperatorKind]) -> bool:
    """By what operators of these kinds take here and in the twin."""
    twin = Profile() if evidence.twin is None else evidence.twin.profile
    ours, theirs = (sum(each.value for each in p.operators if each.kind in kinds) for p in (evidence.profile, twin))
    return evidence.gained(ours, theirs)


def _stays_in_caches(profile: Profile) -> bool:
    """Or may: where the caches' size is not told. Of one call each: a second one in a loop reads the same tensors."""
    return profile.cache_bytes is None or _moved(profile.operators) <= profile.cache_bytes


def _moved(operators: tuple[OperatorProfile, ...] | list[OperatorProfile]) -> int:
    return sum(each.moved or 0 for each in operators)
