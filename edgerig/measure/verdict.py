"""How far a cell's latency can be trusted, with the figures that say so."""

from __future__ import annotations

import math

from edgerig.measure.latency import MEDIAN_TOLERANCE, MedianInterval
from edgerig.results import Delegation, Verdict


def judge(
    *, emulated: bool, threads: int, threads_in_force: int, delegation: Delegation, interval: MedianInterval
) -> Verdict:
    """The strongest thing to be said, in this order: emulated, fallback, noisy, stable.

    `fallback`: operators were left off the fast backend, or another thread count is in force than was asked for.
    `noisy`: the median's 95 % interval is wider than ±2 % (`MEDIAN_TOLERANCE`), or there were too few samples for one.
    """
    left = None if delegation.total is None or delegation.delegated is None else delegation.total - delegation.delegated
    width = interval.relative_half_width
    evidence = {
        "median_ci95_ms": [interval.low_ms, interval.high_ms] if interval.blocks else None,
        "relative_half_width": width if math.isfinite(width) else None,
        "tolerance": MEDIAN_TOLERANCE,
        "blocks": interval.blocks,
        "threads_asked": threads,
        "threads_in_force": threads_in_force,
        "undelegated_operators": left,
    }
    if emulated:
        return Verdict(
            label="emulated",
            evidence=evidence,
            advice=(
                "the time of an emulator says nothing of the device: compare size, accuracy and parity, not latency"
            ),
        )
    if threads_in_force != threads:
        return Verdict(
            label="fallback",
            evidence=evidence,
            advice=(
                f"{threads} threads were asked for, {threads_in_force} are in force: "
                "do not compare with other thread counts"
            ),
        )
    if left:
        names = ", ".join(delegation.undelegated) or "unnamed"
        return Verdict(
            label="fallback",
            evidence=evidence,
            advice=(
                f"{left} of {delegation.total} operators run outside the fast backend ({names}): "
                "this is the cost of the fallback, not of the recipe"
            ),
        )
    if width > MEDIAN_TOLERANCE:
        found = f"the median is known to ±{width:.1%} only" if interval.blocks else "too few samples for an interval"
        return Verdict(
            label="noisy",
            evidence=evidence,
            advice=(f"{found}: quiet the device or raise run.min_seconds before ranking by it"),
        )
    return Verdict(label="stable", evidence=evidence, advice=f"the median is known to ±{width:.2%}")
